"""Check: what was looked at, how it came out, and that in one sentence."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mlserve.errors import MlserveError

State = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Check:
    """`details` are more sentences, where there is more to say; `seconds` is how long it took."""

    name: str
    state: State
    sentence: str
    details: tuple[str, ...] = ()
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "state": self.state,
            "sentence": self.sentence,
            "details": list(self.details),
            "seconds": round(self.seconds, 6),
        }


def decided(name: str, passes: bool, sentence: str, details: Sequence[str] = ()) -> Check:
    return Check(name, "passed" if passes else "failed", sentence, tuple(details))


def timed(name: str, look: Callable[[], Check]) -> Check:
    """What `look` gives, with how long it took; what mlserve raises meanwhile is a failed check."""
    begun = time.perf_counter()
    try:
        check = look()
    except MlserveError as error:
        check = Check(name, "failed", str(error), causes(error))
    return replace(check, seconds=time.perf_counter() - begun)


def causes(error: BaseException) -> tuple[str, ...]:
    """What lies behind an error: whoever tests a model may see what its library said."""
    cause = error.__cause__
    return () if cause is None else (f"{type(cause).__name__}: {cause}",)
