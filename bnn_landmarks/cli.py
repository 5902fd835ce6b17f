"""The command `bnn-landmarks`: one module per command under `bnn_landmarks.commands`, imported when it is asked for."""

import difflib
import importlib
import logging
import os

import click

import bnn_landmarks
from bnn_landmarks import terminal

COMMANDS = {
    "list": "the pretrained networks",
    "info": "one network's card",
    "predict": "landmarks of photographs, videos or a camera",
    "demo": "the networks on a page in your browser",
    "data": "prepare a data set, check and show its labels",
    "train": "train a recipe",
    "export": "a network as a file for devices",
    "evaluate": "score a network on a data set",
    "tables": "the paper's tables, recounted",
    "benchmark": "time the engines side by side",
}


class _Commands(click.Group):
    def list_commands(self, context):
        return list(COMMANDS)

    def get_command(self, context, name):
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"bnn_landmarks.commands.{name}")
        return module.command

    def format_commands(self, context, formatter):
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, context, arguments):
        if arguments and arguments[0] not in COMMANDS:
            close = difflib.get_close_matches(arguments[0], COMMANDS, n=1)
            hint = f"; did you mean {close[0]}?" if close else f"; the commands are {', '.join(COMMANDS)}"
            context.fail(f"no command {arguments[0]!r}{hint}")
        return super().resolve_command(context, arguments)


@click.group(cls=_Commands)
@click.version_option(bnn_landmarks.__version__)
def group():
    """Binary convolutional landmark localizers: body pose, faces, facial parts in a megabyte."""


def main():
    """Entry point."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(format="bnn-landmarks: %(message)s")
    logging.getLogger("bnn_landmarks").setLevel(logging.INFO)
    terminal.end_on_signals()
    terminal.print_any_name()
    with terminal.errors_in_a_line("bnn-landmarks"):
        group(prog_name="bnn-landmarks")
