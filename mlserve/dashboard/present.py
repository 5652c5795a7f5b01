"""Values as people read them: outputs, metrics, numbers. Pure; nothing is escaped here, the templates do that."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from mlserve.signature import OutputField, Signature

# A text longer than this is cut in lists; its own page shows it whole.
SHORT = 60
# So many classes are shown at once: of a distribution the rest is folded, of an explanation it is in the JSON only.
CLASSES = 10
# The numbers that a list shows of a model's metrics: of these the first, then the others as they come.
AT_A_GLANCE = 4
FAMILIAR = ("auc", "accuracy", "log_loss", "logloss", "brier", "f1", "rmse", "mae", "r2")


@dataclass(frozen=True)
class Share:
    """One class of a distribution; `width` of its bar goes from 0 to 100."""

    name: str
    value: Any
    width: float
    percent: str = ""  # where the distribution is one of probabilities


@dataclass(frozen=True)
class Output:
    """One output of an instance: `headline` to be read first, `exact` as it was answered, where that tells more."""

    name: str
    headline: str
    exact: str
    unit: str = ""
    description: str = ""
    width: float | None = None  # of a bar from 0 to 100, where it is a probability
    shares: Sequence[Share] = ()  # of a distribution, the classes that are shown at once
    folded: Sequence[Share] = ()  # and the rest
    rule: str = ""  # of a label that a threshold decides


@dataclass(frozen=True)
class Metrics:
    """A model's metrics: numbers by name, and tables of numbers, whatever their nesting was."""

    numbers: list[tuple[str, str]] = field(default_factory=list)
    tables: list["MetricsTable"] = field(default_factory=list)


@dataclass(frozen=True)
class MetricsTable:
    title: str
    columns: list[str]
    rows: list[tuple[str, list[str]]]


def outputs_of(signature: Signature | None, values: Mapping[str, Any]) -> list[Output]:
    """The outputs of one instance; labels first, since they are what people look for."""
    known = {} if signature is None else {output.name: output for output in signature.outputs}
    made = [_output(name, value, known.get(name)) for name, value in values.items()]
    return sorted(made, key=lambda output: not _is_label(known.get(output.name)))


def labels_named(signature: Signature | None) -> list[str]:
    """The names of the outputs that are classes."""
    return [] if signature is None else [output.name for output in signature.outputs if _is_label(output)]


def labels_of(signature: Signature | None, values: Mapping[str, Any]) -> list[str]:
    """The classes that one instance was answered."""
    outputs = () if signature is None else signature.outputs
    return [str(values[output.name]) for output in outputs if _is_label(output) and output.name in values]


def short_outputs(values: Mapping[str, Any]) -> str:
    """One instance's outputs in a line: `probability 0.3916 · label late`."""
    return " · ".join(f"{short(name)} {short(_brief(value))}" for name, value in list(values.items())[:3])


def unseen(signature: Signature | None, instance: Mapping[str, Any]) -> frozenset[str]:
    """The fields whose value is, or has in it, a category that the training did not see, where the model takes such."""
    inputs = () if signature is None else signature.inputs
    return frozenset(
        known.name
        for known in inputs
        if known.unknown == "native" and any(text not in known.categories for text in _texts(instance.get(known.name)))
    )


def metrics_of(metrics: Any) -> Metrics:
    """Numbers side by side where they have the same names (train and test), however deep they stand."""
    found = Metrics()
    if isinstance(metrics, Mapping):
        _collect(found, "", metrics)
    return found


def at_a_glance(metrics: Any) -> tuple[str, list[tuple[str, str]]]:
    """The few numbers that a list shows: of the test, where there is one; and what they were measured on, if known."""
    if not isinstance(metrics, Mapping):
        return "", []
    measured_on = next((key for key in ("test", "validation") if isinstance(metrics.get(key), Mapping)), "")
    chosen = metrics[measured_on] if measured_on else metrics
    names = [name for name, value in chosen.items() if _is_number(value) and not _is_count(value)]
    names.sort(key=lambda name: FAMILIAR.index(name) if name in FAMILIAR else len(FAMILIAR))
    return measured_on, [(name, number(chosen[name])) for name in names[:AT_A_GLANCE]]


def number(value: Any) -> str:
    """A number in at most four significant decimals, in words of the reader: 0.3916, 1,234,567, −0.5, 1.2e-07."""
    if value is None:
        return "–"
    if not _is_number(value):
        return value if isinstance(value, str) else exact(value)
    return f"{'−' if value < 0 else ''}{_size(abs(value))}"


def real_minus(text: str) -> str:
    """A number as JSON writes it, with the sign that people read: −80, −1.5e-7."""
    return f"−{text[1:]}" if text.startswith("-") else text


def signed(value: float | None, otherwise: str = "not kept", decimals: int | None = None) -> str:
    """A contribution, or what contributions add up to: +0.1234, −0.5, 0; with so many `decimals`, if given."""
    if value is None:
        return otherwise
    if value == 0:
        return "0"
    size = abs(value)
    return f"{'−' if value < 0 else '+'}{_size(size) if decimals is None else f'{size:,.{decimals}f}'}"


def exact(value: Any) -> str:
    """A value as JSON writes it, a number with a real minus; a text as it is."""
    return value if isinstance(value, str) else real_minus(msgspec.json.encode(value).decode())


def as_cell(value: Any) -> str:
    """A value as a cell of a CSV has it: a missing one is empty."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def given(value: Any) -> str:
    """A value that a caller gave, the same whether as it was typed or as the log keeps it: 77, not 77.0."""
    return exact(_plain(value))


def short(text: str) -> str:
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"


def when(moment: datetime) -> str:
    """A time for people, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def percent(value: float) -> str:
    """A probability as a percentage that says neither 0 nor 100 where it is not."""
    text = f"{100 * value:.1f} %"
    if (text == "0.0 %" and value > 0) or (text == "100.0 %" and value < 1):
        return "< 0.1 %" if value < 0.5 else "> 99.9 %"
    return text


def is_chance(name: str, unit: str) -> bool:
    """Whether an output is a probability, by its name or its unit."""
    return "probab" in name.lower() or unit == "probability"


def rule(known: OutputField | None) -> str:
    """When a label is its second class: `late from a probability of 0.26`; empty where no threshold decides it."""
    if known is None or known.threshold is None:
        return ""
    second = short(known.categories[1]) if known.categories else "the second class"
    return f"{second} from a probability of {number(known.threshold)}"


def _output(name: str, value: Any, known: OutputField | None) -> Output:
    unit = (known and known.unit) or ""
    description = (known and known.description) or ""
    chance = is_chance(name, unit)
    if isinstance(value, Mapping):
        shares = (
            sorted(_shares(value, chance), key=lambda share: -share.width) if chance else list(_shares(value, False))
        )
        shown, folded = shares[:CLASSES], shares[CLASSES:]
        return Output(name, "", exact(value), unit, description, shares=shown, folded=folded)
    if chance and _is_number(value) and 0 <= value <= 1:
        return Output(name, percent(value), exact(value), unit, description, width=round(100 * value, 2))
    headline = short(number(value))
    told = "" if headline == exact(value) or _reads_as(headline, value) else exact(value)
    return Output(name, headline, told, unit, description, rule=rule(known))


def _size(value: float) -> str:
    """A number that is not negative."""
    if isinstance(value, int):
        return f"{value:,}"
    if value != 0 and not 1e-4 <= value < 1e15:
        return f"{value:.4g}"
    if value >= 1000:
        return f"{value:,.1f}".removesuffix(".0")
    return f"{value:.4g}"


def _reads_as(text: str, value: Any) -> bool:
    """Whether a number as people read it is the very number."""
    return _is_number(value) and float(text.replace("−", "-").replace(",", "")) == value


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value, however deep a tensor has them."""
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def _shares(values: Mapping[str, Any], chance: bool) -> Iterator[Share]:
    largest = 1.0 if chance else max((abs(v) for v in values.values() if _is_number(v)), default=0.0)
    for name, value in values.items():
        width = 100 * abs(value) / largest if _is_number(value) and largest else 0.0
        percentage = percent(value) if chance and _is_number(value) else ""
        yield Share(name, value, round(min(width, 100.0), 2), percentage)


def _brief(value: Any) -> str:
    if isinstance(value, Mapping):
        numbers = {name: amount for name, amount in value.items() if _is_number(amount)}
        if numbers:
            best = max(numbers, key=lambda name: numbers[name])
            return f"{best} {number(numbers[best])}"
    return number(value)


def _collect(found: Metrics, title: str, metrics: Mapping[str, Any]) -> None:
    rows = {name: value for name, value in metrics.items() if isinstance(value, Mapping) and _are_numbers(value)}
    if rows:
        columns = list(dict.fromkeys(column for row in rows.values() for column in row))
        cells = [(name, [number(row.get(column)) for column in columns]) for name, row in rows.items()]
        found.tables.append(MetricsTable(title, columns, cells))
    for name, value in metrics.items():
        path = f"{title} {name}".strip()
        if isinstance(value, Mapping) and name not in rows:
            _collect(found, path, value)
        elif not isinstance(value, Mapping):
            found.numbers.append((path, number(value)))


def _are_numbers(metrics: Mapping[str, Any]) -> bool:
    return bool(metrics) and all(_is_number(value) for value in metrics.values())


def _is_label(output: OutputField | None) -> bool:
    return output is not None and output.type == "category" and not output.shape


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int)
