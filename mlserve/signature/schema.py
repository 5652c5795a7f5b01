"""The Colander schema of one instance: the declaration behind error reports and forms."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import colander

from mlserve.signature.faults import Fault, got
from mlserve.signature.features import FeatureInvalid, feature_type
from mlserve.signature.fields import Field, Signature

# Looking for the nearest name costs time for each unknown key; with more fields than this it is left out.
NEAREST_NAME_FIELDS = 200


class RowType(colander.Mapping):
    """An instance as an object of fields. Unlike Colander's Mapping it reports unknown keys beside bad values."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__(unknown="raise")
        self.names = names

    def deserialize(self, node: colander.SchemaNode, cstruct: Any) -> Any:
        if cstruct is colander.null:
            return colander.null
        result: dict[str, Any] = {}
        error = colander.Invalid(node)
        for invalid, position in self.invalids(node, cstruct, result):
            error.add(invalid, position)
        if error.children:
            raise error
        return result

    def invalids(
        self, node: colander.SchemaNode, cstruct: Any, result: dict[str, Any]
    ) -> Iterator[tuple[FeatureInvalid, int | None]]:
        """Each refused field with its position, lazily; accepted values go into `result`, in signature order.

        An unknown key has no position. Something that is no object yields an error of the row itself.
        """
        if not isinstance(cstruct, dict):
            yield FeatureInvalid(node, (Fault("type", "an object of the model's fields", got(cstruct)),)), None
            return
        for position, child in enumerate(node.children):
            try:
                result[child.name] = child.deserialize(cstruct.get(child.name, colander.null))
            except FeatureInvalid as invalid:
                yield invalid, position
        for key in cstruct:
            if key not in self.names:
                stranger = colander.SchemaNode(colander.SchemaType(), name=key)
                yield FeatureInvalid(stranger, (self.unknown_field(key, cstruct[key]),)), None

    def unknown_field(self, key: object, value: Any) -> Fault:
        expected = "a field of this model"
        if len(self.names) <= NEAREST_NAME_FIELDS:
            # Where there is one field only, no other can be meant.
            nearest = list(self.names) if len(self.names) == 1 else get_close_matches(str(key)[:100], self.names, 1)
            expected += f" (did you mean {got(nearest[0])}?)" if nearest else ""
        return Fault("unknown_field", expected, got(value))


def row_schema(signature: Signature, max_problems: int = 100) -> colander.SchemaNode:
    """The Colander schema of one instance given as an object. Built once a version.

    Each child node has a type of ours whose `field` is the signature's; a missing value deserialises to None.
    """
    children = [_feature_node(field, max_problems) for field in signature.inputs]
    return colander.SchemaNode(RowType(frozenset(signature.names)), *children, name="instance")


def _feature_node(field: Field, max_problems: int) -> colander.SchemaNode:
    title = field.name if field.unit is None else f"{field.name} ({field.unit})"
    missing = colander.required if field.required else None
    # One fault more than may be listed tells the walk that there are more.
    return colander.SchemaNode(
        feature_type(field, max_problems + 1),
        name=field.name,
        title=title,
        description=field.description or "",
        missing=missing,
    )
