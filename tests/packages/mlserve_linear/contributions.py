"""Where the explanations of linear models are kept: one row an instance."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Column, Float, Integer, MetaData, Table

from mlserve.predictions.family_tables import JsonText, PredictionRecord, UuidText


class LinearContributions:
    """The family's prediction table."""

    table = Table(
        "linear_contributions",
        MetaData(),
        Column("prediction_id", UuidText, primary_key=True),
        Column("instance", Integer, primary_key=True),
        Column("bias", Float),
        Column("margin", Float),
        Column("contributions", JsonText, nullable=False),
    )

    def rows(self, record: PredictionRecord) -> list[dict[str, Any]]:
        instances = msgspec.json.decode(record.explanation or b"")["instances"]
        return [
            {
                "prediction_id": record.id,
                "instance": number,
                **{name: instance["blocks"][0][name] for name in ("bias", "margin", "contributions")},
            }
            for number, instance in enumerate(instances)
        ]

    def explanation(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        blocks = [{"name": None, **{name: row[name] for name in ("margin", "bias", "contributions")}} for row in rows]
        instances = [{"blocks": [block]} for block in blocks]
        return msgspec.json.encode({"method": "terms", "scale": "value", "instances": instances})
