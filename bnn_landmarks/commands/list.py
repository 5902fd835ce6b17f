"""`bnn-landmarks list`."""

import click

from bnn_landmarks.spec import TASKS


@click.command()
@click.option("--task", type=click.Choice(TASKS), help="All by default.")
def command(task):
    """The pretrained networks."""
    from bnn_landmarks import zoo

    rows = [("NAME", "TASK", "LANDMARKS", "INPUT", "SIZE", "SCORE", "")]
    for name in zoo.names(task):
        card = zoo.card(name)
        count = f"{len(card['landmarks'])} ({card['scheme']})"
        side = f"{card['input_size']}x{card['input_size']}"
        size = f"{card['bytes'] / 1e6:.2f} MB" if card["trained"] else "-"
        state = card["title"] if card["trained"] else f"{card['title']} - no weights yet"
        rows.append((name, card["task"], count, side, size, score(card), state))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def score(card):
    """The first measure of an entry's first evaluation record, "-" where it has none."""
    for record in card["records"].values():
        for metric, groups in record["metrics"].items():
            for group, found in groups.items():
                if found and found["value"] is not None:
                    return f"{metric} {group} {found['value']:.1f} ({record['data']} {record['split']})"
    return "-"
