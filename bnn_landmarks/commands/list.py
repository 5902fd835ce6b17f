"""`bnn-landmarks list`."""

import click

from bnn_landmarks.spec import TASKS

LEADS = (
    *(("PCKh@0.5", "limbs"), ("NME", "mean of bins"), ("NME", "all images")),
    *(("parts", "mean IU"), ("boxes", "recall")),
)
DATA = ("mpii", "helen_afw")


@click.command()
@click.option("--task", type=click.Choice(TASKS), help="All by default.")
def command(task):
    """The pretrained networks."""
    from bnn_landmarks import zoo

    rows = [("NAME", "TASK", "LANDMARKS", "INPUT", "WEIGHTS FILE", "SCORE", "")]
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
    """What README's table leads with: the first of `LEADS` in the records, `DATA` before others; "-" for none."""
    records = card["records"].values()
    first = [record for data in DATA for record in records if record["data"] == data]
    for record in (*first, *records):
        for metric, group in LEADS:
            found = record["metrics"].get(metric, {}).get(group)
            if found and found["value"] is not None:
                digits = 2 if metric == "NME" else 1
                return f"{metric} {group} {found['value']:.{digits}f} ({record['data']} {record['split']})"
    return "-"
