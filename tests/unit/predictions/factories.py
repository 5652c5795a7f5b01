"""Builders of records for the log's tests."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from mlserve_linear.contributions import LinearContributions
from mlserve_linear.family import LinearFamily
from sqlalchemy import select

from mlserve.db.engine import Database
from mlserve.ids import Ids, timestamp_of
from mlserve.inference.loaded import Limits, LoadedVersion, load_version
from mlserve.observability.counters import Counters
from mlserve.predictions.family_tables import FamilyTables
from mlserve.predictions.record import ROW_COLUMNS, BlockRecord, PredictionRecord, encode, values
from mlserve.predictions.shipper import Shipper
from mlserve.predictions.spool.set_aside import FOLDER, SetAside
from mlserve.predictions.spool.writer import SpoolWriter
from mlserve.signature import Batch, Field, Signature, StoredInputs
from tests.factories import linear_model

new_id = Ids()

INPUTS = b'[{"distance":1400.5,"carrier":"UA","delay":-0.0}]'
OUTPUTS = b'[{"probability":0.12345679,"label":"on time"}]'


# The inputs of `block_record`.
LARGE = Signature((Field("x", "float64"), Field("note", "string")), ())

LIMITS = Limits(body=4096, instances=3, problems=4, depth=8, explained=1000, image_pixels=1_000_000)


def record(**changed: Any) -> PredictionRecord:
    """A whole record of one instance, with a new id."""
    prediction_id = changed.pop("id", None) or new_id()
    explanation = changed.pop("explanation", msgspec.UNSET)
    kind = BlockRecord if "inputs_block" in changed else PredictionRecord
    fields: dict[str, Any] = {
        "model": "flight-delay",
        "version": 1,
        "digest": "d" * 64,
        "family": "xgboost",
        "engine": "exact",
        "plugin": "pyramid-mlserve-xgboost 0.1.0",
        "library": "xgboost 3.2.0",
        "asked": "alias:champion",
        "alias": "champion",
        "created_at": timestamp_of(prediction_id),
        "duration_us": 250,
        "n": 1,
        "inputs": msgspec.Raw(INPUTS),
        "outputs": msgspec.Raw(OUTPUTS),
        "request_id": "r-1",
        "worker": "w-1",
    }
    return kind(id=prediction_id, explanation_text=explanation, **(fields | changed))


def block_record(n: int = 1, **changed: Any) -> PredictionRecord:
    """A record of `n` instances of `LARGE` whose inputs are in a column block, plain unless said otherwise."""
    batch = Batch.from_columns(LARGE, {"x": [float(at) for at in range(n)], "note": [f"é {at}" for at in range(n)]})
    stored = StoredInputs(LARGE)
    block, encoding = stored.block(batch) or (b"", "")
    outputs = msgspec.Raw(msgspec.json.encode([{"label": "late"}] * n))
    kept = {"inputs": msgspec.UNSET, "inputs_block": block, "encoding": encoding, "outputs": outputs, "n": n}
    return record(**(kept | changed))


def explained(n: int = 1, **changed: Any) -> PredictionRecord:
    """A record of the family `linear` with the explanation of `n` instances."""
    blocks = [
        {"name": None, "margin": 0.1 + number, "bias": -0.0, "contributions": {"x": 3.4028235e38, "é": None}}
        for number in range(n)
    ]
    text = {"method": "terms", "scale": "value", "instances": [{"blocks": [block]} for block in blocks]}
    explanation = msgspec.Raw(msgspec.json.encode(text))
    return record(**({"family": "linear", "n": n, "explanation": explanation} | changed))


def family_tables(database: Database) -> FamilyTables:
    """The table of the family `linear`, made in the database."""
    with database.engine.begin() as connection:
        LinearContributions.table.create(connection, checkfirst=True)
    return FamilyTables({"linear": LinearContributions()}, database.dialect)


def no_tables(database: Database) -> FamilyTables:
    """As of an application whose families bring none."""
    return FamilyTables({}, database.dialect)


def contributions(database: Database) -> list[dict[str, Any]]:
    """All rows of that table."""
    table = LinearContributions.table
    with database.read() as connection:
        found = connection.execute(select(table).order_by(*table.primary_key.columns)).mappings()
        return [dict(row) for row in found]


def row(record: PredictionRecord) -> dict[str, Any]:
    """The record's row of table `predictions`, by name."""
    return dict(zip(ROW_COLUMNS, values(record), strict=True))


def read_set_aside(folder: Path, name: str) -> tuple[SetAside, bytes]:
    """Why a record was set aside, and its payload."""
    header, _, payload = (folder / FOLDER / f"{name}.record").read_bytes().partition(b"\n")
    return msgspec.json.decode(header, type=SetAside), payload


def spool(folder: Path, records: list[PredictionRecord], segment_size: int = 1 << 20) -> None:
    """Appends the records to the spool and closes its segment."""
    writer = SpoolWriter(folder, segment_size)
    for one in records:
        writer.append(encode(one))
    writer.close()


def shipper(folder: Path, database: Database, counters: Counters | None = None, **settings: Any) -> Shipper:
    return Shipper(folder, database, counters=counters or Counters(), **({"tables": no_tables(database)} | settings))


def load(
    folder: Path, explanation: str = "well", keep: Mapping[str, Any] | None = None, **coefficients: float
) -> LoadedVersion:
    """A linear model of x and y, or of other coefficients; `keep` says how the log keeps which field."""
    path = linear_model(folder, explanation=explanation, **coefficients)
    family = LinearFamily()
    signature = family.inspect(path)
    inputs = tuple(replace(field, keep=(keep or {}).get(field.name, "full")) for field in signature.inputs)
    return load_version(
        family,
        path,
        identity={"model": "line", "version": 2, "digest": "d" * 64, "plugin": "p 1"},
        signature=Signature(inputs, signature.outputs),
        manifest={},
        settings={"decimals": 3},
        limits=LIMITS,
    )
