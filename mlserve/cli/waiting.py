"""Waiting until a server answers by a version that an alias names now, or has failed to load it."""

import time
from typing import Final

import click

from mlserve.cli.lifecycle import Lifecycle, Move
from mlserve.cli.output import say

_PAUSE: Final = 0.25


def wait_until_it_answers(lifecycle: Lifecycle, move: Move, seconds: float) -> None:
    """Say that it answers. Raises ClickException where it does not, with what the process that was asked says of it."""
    model, alias, number = move.model, move.after["alias"], move.after["version"]
    deadline = time.monotonic() + seconds
    while True:
        named = lifecycle.alias(model, alias)
        if named["version"] != number:
            raise click.ClickException(f"{alias} of {model} was moved to version {named['version']} meanwhile.")
        if named["answers"] == number:
            say(f"{alias} of {model} is answered by version {number}.")
            return
        told = lifecycle.version(model, number)
        now = "nothing" if named["answers"] is None else f"version {named['answers']}"
        if told["state"] == "failed":
            why = told["reason"].rstrip(".")
            raise click.ClickException(
                f"Version {number} of {model} cannot answer: {why}. {alias} names it, and {now} answers."
            )
        if (left := deadline - time.monotonic()) <= 0:
            raise click.ClickException(
                f"After {seconds:g} s {alias} of {model} is answered by {now}, and version {number} is {told['state']}."
            )
        time.sleep(min(_PAUSE, left))
