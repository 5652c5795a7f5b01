"""A failure before it has a shape: our own problem+json, or that of the protocol whose address was asked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyramid.response import Response

from mlserve.errors import Problem

# So many problems are spelled out in a sentence.
MOST_TOLD = 5


@dataclass(frozen=True)
class Failure:
    """What went wrong, and how the core would tell it.

    `code` is one of the problem codes, and `detail` a sentence for the caller. `problems` say what is wrong with what
    was sent; `more`: there are others. `retry_after` is in seconds. `headers` are Allow, Retry-After and
    WWW-Authenticate where they are due; the answer has them, whoever writes it.
    """

    status: int
    code: str
    detail: str
    problems: tuple[Problem, ...] = ()
    more: bool = False
    retry_after: int | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def sentence(self) -> str:
        """The detail and the first problems in one text, for a protocol whose errors are a text."""
        told = [_told(problem) for problem in self.problems[:MOST_TOLD]]
        rest = "; …" if self.more or len(self.problems) > MOST_TOLD else ""
        return f"{self.detail} {'; '.join(told)}{rest}" if told else self.detail


# How a protocol tells a failure to whoever has sent the request.
WriteProblem = Callable[[Any, Failure], Response]


def _told(problem: Problem) -> str:
    place = [] if problem.instance is None else [f"instance {problem.instance}"]
    place += [] if problem.field is None else [f"{problem.field!r}"]
    got = f", got {problem.got}" if problem.got else ""
    return f"{', '.join(place) or problem.pointer or 'body'}: expected {problem.expected}{got}"
