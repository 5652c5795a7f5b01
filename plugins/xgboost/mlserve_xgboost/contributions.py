"""The family's own table: stored explanations, a row for each block of an instance."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import Column, Double, Integer, MetaData, Table, Text

from mlserve.predictions.family_tables import JsonText, PredictionRecord, UuidText

xgboost_contributions = Table(
    "xgboost_contributions",
    MetaData(),
    Column("prediction_id", UuidText, primary_key=True),
    Column("instance", Integer, primary_key=True, autoincrement=False),
    Column("block", Integer, primary_key=True, autoincrement=False),
    Column("name", Text),
    Column("method", Text, nullable=False),
    Column("scale", Text, nullable=False),
    # float32 as the shortest text that means it, kept as that number; NULL where it is not finite.
    Column("margin", Double),
    Column("bias", Double),
    Column("contributions", JsonText(raw=True), nullable=False),
)


class _Block(msgspec.Struct):
    name: str | None
    margin: float | None
    bias: float | None
    contributions: msgspec.Raw


class _Instance(msgspec.Struct):
    blocks: list[_Block]


class _Explanation(msgspec.Struct):
    """An explanation's JSON; the contributions stay the text that they are."""

    method: str
    scale: str
    instances: list[_Instance]


_decode = msgspec.json.Decoder(_Explanation).decode


class XGBoostContributions:
    """Writes the stored explanations of XGBoost models into `xgboost_contributions`, and reads them back."""

    table = xgboost_contributions

    def rows(self, record: PredictionRecord) -> list[dict[str, Any]]:
        """The rows of a prediction; none where it was not explained. Raises msgspec.DecodeError."""
        if record.explanation is None:
            return []
        explained = _decode(record.explanation)
        return [
            {
                "prediction_id": record.id,
                "instance": instance,
                "block": number,
                "name": block.name,
                "method": explained.method,
                "scale": explained.scale,
                "margin": block.margin,
                "bias": block.bias,
                "contributions": block.contributions,
            }
            for instance, one in enumerate(explained.instances)
            for number, block in enumerate(one.blocks)
        ]

    def explanation(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        """The explanation's JSON out of all rows of one prediction, at least one, in any order."""
        ordered = sorted(rows, key=itemgetter("instance", "block"))
        instances = [_Instance([]) for _ in range(ordered[-1]["instance"] + 1)]
        for row in ordered:
            block = _Block(row["name"], row["margin"], row["bias"], row["contributions"])
            instances[row["instance"]].blocks.append(block)
        return msgspec.json.encode(_Explanation(ordered[0]["method"], ordered[0]["scale"], instances))
