"""The names that models and aliases may have, told before anything is opened or sent."""

import click

from mlserve.names import MODEL_NAME


def require_name(text: str, what: str) -> None:
    if not MODEL_NAME.fullmatch(text):
        raise click.ClickException(f"{text!r} cannot name {what}: write a-z, 0-9 and -, beginning with a letter.")
