"""What the servers are asked to do: which rows of which model a request has, and over how many connections."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.models import ROWS, Model, Values, cancer, flights

# Of a request with many; as many requests differ, in which of the model's rows stand where.
MANY, OF_MANY = 1000, 4


@dataclass(frozen=True, eq=False)
class Work:
    """Requests of `n` instances each. `form` is `instances`, `columns` (each server's fastest JSON) or `arrow`.

    `beside` is a load of the same server meanwhile, over as many connections as it names first; what is measured is
    this work.
    """

    name: str
    model: Model
    connections: tuple[int, ...]
    n: int = 1
    form: str = "instances"
    beside: "Work | None" = None
    singles: int = ROWS

    @property
    def count(self) -> int:
        """How many requests differ."""
        return self.singles if self.n == 1 else OF_MANY

    def places(self, number: int) -> list[int]:
        """Which of the model's rows the request of that number has."""
        return [(number * 7 + place) % ROWS for place in range(self.n)] if self.n > 1 else [number]

    def instances(self, number: int) -> list[dict[str, Any]]:
        return [self.model.rows[place] for place in self.places(number)]

    def matrix(self, number: int) -> Values:
        return self.model.matrix[self.places(number)]

    def expected(self, number: int) -> Values:
        return self.model.expected[self.places(number)]


NAMES = ("single", "rows", "columns", "arrow", "meanwhile", "big", "flight")


def works(
    names: Sequence[str], folder: Path, connections: Sequence[int] | None = None, singles: int = ROWS
) -> list[Work]:
    """The works of these names, model by model; models are trained into `folder`.

    `connections` are those of single rows, where they are not to be the work's own; `singles` is how many of these
    differ.
    """
    made: dict[str, Model] = {}

    def model(name: str) -> Model:
        if name not in made:
            made[name] = flights() if name == "flight" else cancer(folder, name, {"bc": 100, "big": 300}[name])
        return made[name]

    def make(name: str) -> Work:
        match name:
            case "single":
                return Work(name, model("bc"), tuple(connections or (1, 16)), singles=singles)
            case "rows":
                return Work(name, model("bc"), (4,), MANY)
            case "columns" | "arrow":
                return Work(name, model("bc"), (4,), MANY, name)
            case "meanwhile":
                return Work(name, model("bc"), (1,), beside=Work("rows", model("bc"), (4,), MANY), singles=singles)
            case _:
                return Work(name, model(name), tuple(connections or (16,)), singles=singles)

    return [make(name) for name in NAMES if name in names]
