"""A signature completed by data: what the artefact or a given signature says stays, and the data says the rest.

Only what the data *declares* (the schema of a Parquet file or of a data frame) becomes a rule. What merely holds in a
sample's rows, their smallest and largest numbers above all, is no reason to refuse a later honest instance: it goes
into the baseline and the examples.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
import numpy as np

from mlserve.bundles.sample import Column, Sample
from mlserve.errors import BundleError, Invalid, SignatureError
from mlserve.signature import NUMBERS, Batch, Decoder, Field, Signature, StoredInputs, complete
from mlserve.signature.fields import BINARY, FLOATS, OutputField, least_size
from mlserve.signature.packing import EXACT_IN_DOUBLE
from mlserve.signature.recast import recast
from mlserve.signature.text import cell_values

LABEL: Final = "label"
# What data may declare of a field that the model takes as a float: which of its numbers there are at all.
_NARROWS: Final = frozenset({"bool", "int32", "int64", "uint64"})
_PIECE: Final = 10_000
_MOST_PROBLEMS: Final = 5
_MOST_NUMBERS: Final = 100  # in the example of a tensor
_MOST_NAMES: Final = 10  # of a list of categories in a sentence
_MOST_CHARACTERS: Final = 1000  # in the example of a text
_PLACEHOLDER: Final = re.compile(r"f\d+").fullmatch


def describe(
    file: Signature,
    given: Mapping[str, Any],
    sample: Sample,
    classes: Sequence[str] = (),
    lists: Sequence[tuple[str, ...]] = (),
) -> Signature:
    """The file's signature with what is given of it (the JSON of a sidecar), then with what the data declares.

    `classes` are the names of a classifier's classes in the model's order: those of its label, and of a probability
    for each of them. `lists` are categories of the file that it does not prove to be a field's: one is a field's where
    the data declares the same. Raises SignatureError where something contradicts the file, BundleError where columns
    are missing.
    """
    said = _said(file, given)
    file = recast(file, list(said.values()))
    names = _names(file, list(said), sample)
    inputs = [
        {"name": name, **_declared(field, said.get(name, {}), sample.columns.get(name), lists), **said.get(name, {})}
        for name, field in zip(names, file.inputs, strict=True)
    ]
    if {*said} == {*names}:  # Their order is part of what they say.
        inputs.sort(key=lambda entry: list(said).index(entry["name"]))
    inputs += [entry for name, entry in said.items() if name not in names]
    outputs = _with_classes(file.outputs, [dict(entry) for entry in given.get("outputs", ())], classes)
    signature = complete(file, {**given, "inputs": inputs, "outputs": outputs})
    for field in signature.inputs:
        if field.name not in sample.columns and field.required:
            raise BundleError(f"The data has no column {field.name!r}, which the model takes.")
    return signature


def whole(artefact: str, given: Mapping[str, Any] | None) -> Signature:
    """The signature of a file that says nothing itself, which is all that is given. Raises SignatureError."""
    if not given or not given.get("inputs") or not given.get("outputs"):
        raise SignatureError(
            f"{artefact} does not say what it takes and answers: list its inputs and outputs, with name and type, in "
            f"{artefact}.signature.json."
        )
    signature = Signature.from_json(given)
    return complete(signature, {})  # Checks what no signature of a file can have wrong, such as examples.


def read_batch(signature: Signature, sample: Sample) -> Batch:
    """All rows of a sample, checked as those of a caller are. Raises BundleError naming row, column and value."""
    decoder = Decoder(signature, max_instances=_PIECE, max_problems=_MOST_PROBLEMS)
    found: dict[str, list[Any]] = {name: [] for name in signature.names}
    for start in range(0, sample.rows, _PIECE):
        for name, values in _piece(decoder, sample, start).items():
            found[name] += values
    return Batch.from_columns(signature, found)


def refuse_unnamed(signature: Signature, lists: Sequence[tuple[str, ...]], sample: Sample, sidecar: str) -> None:
    """Raises BundleError where the data has names of the file's lists in a field that nothing proves to have them."""
    for field in signature.inputs:
        if field.type not in NUMBERS or field.name not in sample.columns:
            continue
        cells = {cell for cell in sample.columns[field.name].cells if isinstance(cell, str) and not _is_number(cell)}
        for names in lists if cells else ():
            if not cells.isdisjoint(names):
                more = ", …" if len(names) > _MOST_NAMES else ""
                raise BundleError(
                    f"The model's file does not prove the categories of {field.name!r}: list them in a signature "
                    f"(--signature, or {sidecar}); the file has {', '.join(names[:_MOST_NAMES])}{more}."
                )


def with_examples(batch: Batch) -> Signature:
    """The batch's signature with an example for each field that has none: together one real row, as far as one has all.

    Fields that the log does not keep in full get none, since examples are shown to everybody.
    """
    signature = batch.signature
    wanted = [field for field in signature.inputs if _may_have_example(field)]
    if not wanted:
        return signature
    missing = [batch.column(field.name)[1] for field in wanted]
    fullest = int(np.sum(missing, axis=0).argmin())
    places = [int(mask.argmin()) if mask[fullest] else fullest for mask in missing]
    examples = {
        field.name: _shortest(field, batch.values(field.name)[place])
        for field, place, mask in zip(wanted, places, missing, strict=True)
        if not mask[place]
    }
    inputs = tuple(
        replace(field, example=examples[field.name]) if _is_exact(examples.get(field.name)) else field
        for field in signature.inputs
    )
    return Signature(inputs, signature.outputs)


def _said(file: Signature, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What is given of the inputs, by name. Raises SignatureError where it has not the form of a sidecar."""
    if set(given) <= {"inputs", "outputs"}:
        parts = [given.get(key, []) for key in ("inputs", "outputs")]
        if all(isinstance(part, list) and _are_named_once(part) for part in parts):
            return {entry["name"]: dict(entry) for entry in parts[0]}
    complete(file, given)  # Says what is wrong.
    raise SignatureError("signature: must be an object with the keys 'inputs' and 'outputs'")


def _are_named_once(entries: Sequence[Any]) -> bool:
    names = [entry.get("name") if isinstance(entry, Mapping) else None for entry in entries]
    return all(isinstance(name, str) for name in names) and len({*names}) == len(names)


def _names(file: Signature, said: Sequence[str], sample: Sample) -> Sequence[str]:
    """The inputs' names: the file's own, else those that a complete signature gives in its order."""
    if not all(map(_PLACEHOLDER, file.names)) or set(said) & set(file.names):
        return file.names
    if len(said) == len(file.names):
        return said
    if not said and not {*file.names} & {*sample.columns}:
        raise BundleError(
            f"The model's file has no names for its {len(file.names)} inputs: list them in their order in a signature "
            "(--signature)."
        )
    return file.names


def _declared(
    field: Field, said: Mapping[str, Any], column: Column | None, lists: Sequence[tuple[str, ...]]
) -> dict[str, Any]:
    """What the data declares of a field of the file, and nobody else has said."""
    if column is None:
        return {}
    declared: dict[str, Any] = {}
    kind = said.get("type", field.type)
    if "type" not in said and not field.shape and field.type in FLOATS and column.type in _NARROWS:
        kind = declared["type"] = column.type
    if field.type in NUMBERS and column.categories in lists and not {"type", "categories"} & {*said}:
        kind = declared["type"] = "category"
    if kind == "category" and column.categories and not field.categories and "categories" not in said:
        declared["categories"] = list(column.categories)
    if column.never_missing and field.nullable and not {"nullable", "required"} & {*said}:
        declared["nullable"] = False
    return declared


def _with_classes(
    file: Sequence[OutputField], said: list[dict[str, Any]], classes: Sequence[str]
) -> list[dict[str, Any]]:
    if not classes:
        return said
    by_name = {str(entry.get("name")): entry for entry in said}
    label = by_name.setdefault(LABEL, {"name": LABEL})
    if label.setdefault("type", "category") == "category":
        label.setdefault("categories", list(classes))
    for output in file:
        if output.shape == (len(classes),) and not output.categories and output.name != LABEL:
            by_name.setdefault(output.name, {"name": output.name}).setdefault("categories", list(classes))
    # In the order of the file, which complete() wants where all of its outputs are named.
    order = {output.name: place for place, output in enumerate(file)}
    return sorted(by_name.values(), key=lambda entry: order.get(entry["name"], len(order)))


def _piece(decoder: Decoder, sample: Sample, start: int) -> dict[str, list[Any]]:
    signature, end = decoder.signature, min(start + _PIECE, sample.rows)
    given = {name: sample.columns[name].cells[start:end] for name in signature.names if name in sample.columns}
    columns = {name: given.get(name, [None] * (end - start)) for name in signature.names}
    if not sample.typed:
        rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
        values = [cell_values(signature, row) for row in rows]
        columns = {name: [row[name] for row in values] for name in columns}
    _refuse_infinite(columns)
    try:
        batch = decoder.decode(None, msgspec.json.encode(columns))
    except (TypeError, UnicodeError) as error:
        raise BundleError(f"The data holds what JSON has no form for: {str(error).rstrip('.')}.") from error
    except Invalid as error:
        first = {fault.field: fault for fault in reversed(error.problems)}  # Each field once.
        told = "; ".join(
            f"row {start + (fault.instance or 0) + 1}, {fault.field}: expected {fault.expected}, got {fault.got}"
            for fault in reversed(first.values())
        )
        more = " and more" if error.more or len(first) < len(error.problems) else ""
        raise BundleError(f"The data does not fit the signature: {told}{more}.") from error
    return {name: batch.values(name) for name in signature.names}


def _refuse_infinite(columns: Mapping[str, Sequence[Any]]) -> None:
    """JSON has no infinite numbers: they would be read as missing."""
    for name, values in columns.items():
        for value in values:
            if isinstance(value, float) and value in (float("inf"), float("-inf")):
                raise BundleError(f"The column {name!r} of the data holds infinite numbers, which no request can send.")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _may_have_example(field: Field) -> bool:
    """Files and other bytes are too long to be shown, and nobody could read them."""
    shown = field.example is None and field.keep == "full" and field.type not in BINARY
    return shown and least_size(field.shape) <= _MOST_NUMBERS


def _shortest(field: Field, value: Any) -> Any:
    """The value as the log would write it: 0.1 of a float32, not the double next to it."""
    one = Signature((replace(field, example=None),), ())
    return msgspec.json.decode(StoredInputs(one).encode(Batch.from_rows(one, [(value,)])))[0][field.name]


def _is_exact(value: Any) -> bool:
    """Whether there is a value that canonical JSON holds as it is, and that is no novel."""
    if isinstance(value, list):
        return len(value) <= _MOST_NUMBERS and all(map(_is_exact, value))
    if isinstance(value, str):
        return len(value) <= _MOST_CHARACTERS
    return value is not None and not (type(value) is int and abs(value) >= EXACT_IN_DOUBLE)
