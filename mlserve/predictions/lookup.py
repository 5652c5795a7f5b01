"""Finding a prediction that was just answered: in SQL, or still in this host's spool."""

from collections.abc import Collection
from pathlib import Path

from mlserve.db.engine import Database
from mlserve.ids import is_id
from mlserve.predictions import store
from mlserve.predictions.record import HEADS, PredictionRecord, decode, payload_head
from mlserve.predictions.spool import reader
from mlserve.predictions.spool.positions import positions_of
from mlserve.predictions.store import Known

_ID_PLACE = slice(len(HEADS[0]), len(HEADS[0]) + 36)


def find(database: Database, folder: Path | None, prediction_id: str) -> PredictionRecord | None:
    """The prediction of that id, from SQL, from what this host has not shipped yet, or from SQL once more.

    The last look is for a record that was shipped between the first two. Raises DatabaseUnavailable.
    """
    if not is_id(prediction_id):
        return None
    # Listed first: a record that is in none of these segments was in SQL before the segments were listed.
    names = [segment.name for segment in reader.segments(folder)] if folder else []
    with database.read() as connection:
        record = store.get(connection, prediction_id)
        if record is not None or folder is None or not names:
            return record
        positions = positions_of(connection, names)
    for head in HEADS:
        payload = reader.find(folder, payload_head(prediction_id, head), positions)
        if payload is not None:
            return decode(payload)
    with database.read() as connection:
        return store.get(connection, prediction_id)


def known(database: Database, folder: Path | None, ids: Collection[str]) -> dict[str, Known]:
    """As `find`, for many ids at once and without their inputs; unknown ids are absent."""
    names = [segment.name for segment in reader.segments(folder)] if folder else []
    with database.read() as connection:
        found = store.known(connection, ids)
        missing = {prediction_id for prediction_id in ids if prediction_id not in found and is_id(prediction_id)}
        if not missing or folder is None or not names:
            return found
        positions = positions_of(connection, names)
    wanted = {prediction_id.encode(): prediction_id for prediction_id in missing}
    for payload in reader.unshipped(folder, positions):
        if payload[_ID_PLACE] in wanted and payload.startswith(HEADS):
            record = decode(payload)
            found[record.id] = Known(record.id, record.model, record.version, record.n)
    missing -= found.keys()
    if missing:
        with database.read() as connection:
            found.update(store.known(connection, missing))
    return found
