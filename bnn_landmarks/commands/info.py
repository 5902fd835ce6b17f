"""`bnn-landmarks info NAME`."""

import click


@click.command()
@click.argument("name")
def command(name):
    """One network's card."""
    from bnn_landmarks import zoo

    card = zoo.card(name)
    if card["text"]:
        click.echo(card["text"])
        return
    click.echo(f"{name}: {card['title']}, for {card['purpose']}")
    click.echo(f"  task       {card['task']}, scheme {card['scheme']}")
    click.echo(f"  landmarks  {', '.join(card['landmarks'])}")
    click.echo(
        f"  input      RGB crop {card['input_size']} x {card['input_size']}, {card['padding']:g} x the box's"
    )
    click.echo(f"             {'longer' if card['box_side'] == 'max' else 'mean'} side")
    click.echo(f"  paper      {card['paper']}")
    if card["trained"]:
        click.echo(f"  weights    {card['weights']}, {card['bytes']:,} bytes, SHA-256 {card['sha256']}")
        for used in card["trained_on"]:
            click.echo(f"  trained on {used['data']}, {used['split']}: {used['terms']}")
    else:
        click.echo(f"  weights    none yet: {card['untrained']}")
    click.echo(f"  train      {card['train']}")
