"""Whether callers of one signature can go on with another: what would be refused, or answered otherwise.

A new output, a field that may be absent, a wider range and another engine break nobody. Callers that send instances as
arrays count on the fields' order: where fields are added, they are refused, and so notice; where the order of the old
ones changes they would not, so that this is a break.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlserve.errors import Problem
from mlserve.signature.fields import (
    BINARY,
    FLOATS,
    INTEGERS,
    TEXTS,
    Field,
    OutputField,
    Signature,
    shape_text,
    takes_shape,
)
from mlserve.signature.ranges import range_of

_SHOWN = 3


@dataclass(frozen=True)
class Break:
    """One difference that breaks callers: as a problem of a refusal, and in words."""

    problem: Problem
    sentence: str


def breaks(old: Signature, new: Signature) -> list[Break]:
    """What breaks callers of `old` who meet `new`, inputs first, in the order of the old signature."""
    return [*_input_breaks(old, new), *_output_breaks(old, new)]


def _input_breaks(old: Signature, new: Signature) -> Iterator[Break]:
    new_fields = {field.name: field for field in new.inputs}
    old_names = [field.name for field in old.inputs]
    for field in old.inputs:
        if field.name not in new_fields:
            problem = Problem("field_gone", "the input", "no such input", field=field.name)
            yield Break(problem, f"input {field.name!r} is gone")
        else:
            yield from _field_breaks(field, new_fields[field.name])
    for field in new.inputs:
        if field.required and field.name not in old_names:
            problem = Problem("field_required", "none, or one that may be absent", "required", field=field.name)
            yield Break(problem, f"input {field.name!r} is new and required")
    kept = [name for name in old_names if name in new_fields]
    now = [field.name for field in new.inputs if field.name in old_names]
    if kept != now:
        first = next(one for one, other in zip(kept, now, strict=True) if one != other)
        problem = Problem("fields_reordered", ", ".join(kept), ", ".join(now), field=first)
        yield Break(problem, f"the inputs have another order, from {first!r} on")


def _field_breaks(old: Field, new: Field) -> Iterator[Break]:
    if _kind(old) != _kind(new) and not _takes_all_of(old, new):
        problem = Problem("field_changed", _kind(old), _kind(new), field=old.name)
        yield Break(problem, f"input {old.name!r} is {_kind(new)} instead of {_kind(old)}")
        return  # What else differs follows from that.
    if new.required and not old.required:
        problem = Problem("field_required", "may be absent", "required", field=old.name)
        yield Break(problem, f"input {old.name!r} must not be absent any more")
    if old.nullable and not new.nullable:
        problem = Problem("field_required", "may be null", "not nullable", field=old.name)
        yield Break(problem, f"input {old.name!r} must not be null any more")
    yield from _range_breaks(old, new)
    yield from _category_breaks(old, new)


def _takes_all_of(old: Field, new: Field) -> bool:
    """Whether a field of another type or shape takes whatever the old one took, apart from the range.

    A picture of any size is brought to whatever shape an image has.
    """
    if old.type in BINARY:
        return new.type in {old.type, "bytes"} and takes_shape(new.nesting, old.nesting)
    if not takes_shape(new.shape, old.shape):
        return False
    if old.type == new.type:
        return True
    numbers = old.type in INTEGERS | FLOATS and new.type in (INTEGERS if old.type in INTEGERS else frozenset()) | FLOATS
    return numbers or (old.type in TEXTS and new.type in TEXTS - {"category"})


def _range_breaks(old: Field, new: Field) -> Iterator[Break]:
    was, now = range_of(old), range_of(new)
    if was is None or now is None:
        return
    for end, before, after, narrower in (
        ("minimum", was.low, now.low, now.low > was.low),
        ("maximum", was.high, now.high, now.high < was.high),
    ):
        if narrower:
            problem = Problem("field_narrowed", f"{end} {before:g}", f"{end} {after:g}", field=old.name)
            yield Break(problem, f"input {old.name!r} has the {end} {after:g} instead of {before:g}")


def _category_breaks(old: Field, new: Field) -> Iterator[Break]:
    if new.type != "category" or new.unknown != "refuse":
        return
    if old.unknown != "refuse":
        problem = Problem("field_narrowed", "any category", "only its own categories", field=old.name)
        yield Break(problem, f"input {old.name!r} refuses categories that it does not know")
        return
    gone = [category for category in old.categories if category not in new.categories]
    if gone:
        problem = Problem("field_narrowed", f"the categories {_few(gone)}", "no such categories", field=old.name)
        yield Break(problem, f"input {old.name!r} does not take {_few(gone)} any more")


def _output_breaks(old: Signature, new: Signature) -> Iterator[Break]:
    new_outputs = {output.name: output for output in new.outputs}
    for output in old.outputs:
        if output.name not in new_outputs:
            problem = Problem("output_gone", "the output", "no such output", field=output.name)
            yield Break(problem, f"output {output.name!r} is gone")
            continue
        now = new_outputs[output.name]
        if _written(output) != _written(now) or not takes_shape(output.shape, now.shape):
            problem = Problem("output_changed", _kind(output), _kind(now), field=output.name)
            yield Break(problem, f"output {output.name!r} is {_kind(now)} instead of {_kind(output)}")
        elif {*output.categories} != {*now.categories}:
            was, found = _few(output.categories), _few(now.categories)
            problem = Problem("output_changed", f"the categories {was}", f"the categories {found}", field=output.name)
            yield Break(problem, f"output {output.name!r} has the categories {found} instead of {was}")


def _written(output: OutputField) -> tuple[str, bool]:
    """What a reader of the JSON can tell: not how many bits a number had, nor a string from a label."""
    kinds = {**dict.fromkeys(INTEGERS, "integer"), **dict.fromkeys(FLOATS, "number"), **dict.fromkeys(TEXTS, "string")}
    return kinds.get(output.type, output.type), bool(output.categories and output.shape)


def _kind(field: Field | OutputField) -> str:
    return f"{field.type} of shape {shape_text(field.shape)}" if field.shape else field.type


def _few(categories: Sequence[str]) -> str:
    shown = ", ".join(map(repr, categories[:_SHOWN]))
    more = len(categories) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "none"
