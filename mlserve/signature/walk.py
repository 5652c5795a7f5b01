"""The slow path: the Colander schema walks a request that the fast decoder refused.

It returns the rows, or collects every problem up to the limit and stops there.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import colander

from mlserve.signature.faults import Fault, LimitReached, Problems, Step, got
from mlserve.signature.features import FeatureInvalid
from mlserve.signature.packing import Row
from mlserve.signature.schema import RowType


class Walk:
    """One walk over one request. `problems` is complete when a method has returned.

    `good_row`, when given, recognises instances that need no check by the schema: it returns their row, or None.
    """

    def __init__(
        self, schema: colander.SchemaNode, max_problems: int, good_row: Callable[[object], Row | None] | None = None
    ) -> None:
        self.schema = schema
        self.nodes: Sequence[colander.SchemaNode] = schema.children
        self.row_type: RowType = schema.typ
        self.good_row = good_row or (lambda item: None)
        self.problems = Problems(max_problems)

    def instances(self, items: object) -> list[Row]:
        """The rows of `instances`; without meaning when there are problems."""
        rows: list[Row] = []
        try:
            if not isinstance(items, list):
                self._add(Fault("type", "an array of instances", got(items)), ("instances",))
            elif not items:
                self._add(Fault("empty", "at least one instance", got(items)), ("instances",))
            else:
                # The first instance says which of the two forms this body has; mixing them is an error.
                forms: dict[type, Callable[[int, object], Row]] = {list: self._positional, dict: self._object}
                read = forms.get(type(items[0]), self._either)
                rows.extend(read(index, item) for index, item in enumerate(items))
        except LimitReached:
            pass
        return rows

    def columns(self, columns: object) -> list[list[Any]]:
        """The columns of `columns` in signature order; without meaning when there are problems."""
        result: list[list[Any]] = []
        try:
            if not isinstance(columns, dict):
                self._add(Fault("type", "an object with an array for each field", got(columns)), ("columns",))
            else:
                length = self._length(columns)
                result.extend(self._column(node, columns, length) for node in self.nodes)
                for key in columns:
                    if key not in self.row_type.names:
                        fault = self.row_type.unknown_field(key, columns[key])
                        self._add(fault, ("columns", key), field=str(key))
        except LimitReached:
            pass
        return result

    def _either(self, index: int, item: object) -> Row:
        """Where the first instance is in neither form, each is told of both."""
        if isinstance(item, dict | list):
            return self._object(index, item)
        fault = Fault("type", "an object or an array of the model's fields", got(item))
        self._add(fault, ("instances", index), index)
        return ()

    def _object(self, index: int, item: object) -> Row:
        if isinstance(item, dict) and (row := self.good_row(item)) is not None:
            return row
        values: dict[str, Any] = {}
        for invalid, _ in self.row_type.invalids(self.schema, item, values):
            if invalid.node is self.schema:
                self._add_all(invalid, ("instances", index), index, None)
            else:
                name = invalid.node.name
                self._add_all(invalid, ("instances", index, name), index, name)
        return tuple(values.values())

    def _positional(self, index: int, item: object) -> Row:
        expected = f"an array of {len(self.nodes)} values, in the order of the signature"
        if not isinstance(item, list):
            self._add(Fault("type", expected, got(item)), ("instances", index), index)
        elif len(item) != len(self.nodes):
            self._add(Fault("length", expected, got(item)), ("instances", index), index)
        elif (row := self.good_row(item)) is not None:
            return row
        else:
            return tuple(
                self._value(node, value, ("instances", index, position), index)
                for position, (node, value) in enumerate(zip(self.nodes, item, strict=True))
            )
        return ()

    def _length(self, columns: dict[str, Any]) -> int:
        """The number of instances: the most frequent length, so that one ragged column does not accuse the others."""
        lengths = Counter(
            len(column) for name, column in columns.items() if name in self.row_type.names and isinstance(column, list)
        )
        length = lengths.most_common(1)[0][0] if lengths else 0
        if length == 0:
            self._add(Fault("empty", "at least one instance", got(columns)), ("columns",))
        return length

    def _column(self, node: colander.SchemaNode, columns: dict[str, Any], length: int) -> list[Any]:
        name = node.name
        path: tuple[Step, ...] = ("columns", name)
        if name not in columns:
            try:
                return [node.deserialize(colander.null)] * length
            except FeatureInvalid as invalid:
                self._add_all(invalid, path, None, name)
                return []
        column = columns[name]
        if not isinstance(column, list):
            self._add(Fault("type", f"an array of {length} values", got(column)), path, field=name)
            return []
        if len(column) != length:
            self._add(
                Fault("length", f"an array of {length} values, as in the other columns", got(column)), path, field=name
            )
        return [self._value(node, value, (*path, index), index) for index, value in enumerate(column)]

    def _value(self, node: colander.SchemaNode, value: Any, path: tuple[Step, ...], index: int) -> Any:
        try:
            return node.deserialize(value)
        except FeatureInvalid as invalid:
            self._add_all(invalid, path, index, node.name)
            return None

    def _add_all(self, invalid: FeatureInvalid, path: tuple[Step, ...], index: int | None, field: str | None) -> None:
        for fault in invalid.faults:
            self._add(fault, path, index, field)

    def _add(self, fault: Fault, path: tuple[Step, ...], index: int | None = None, field: str | None = None) -> None:
        self.problems.add(fault, path, index, field)
