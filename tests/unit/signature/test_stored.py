import hashlib
import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlserve.errors import NotSupported
from mlserve.signature import Batch, Decoder, Field, Signature, StoredInputs
from tests.unit.signature import strategies
from tests.unit.signature.test_agreement import same_arrays

FLOATS = Signature(tuple(Field(name, "float32", nullable=True) for name in ("a", "b%b", 'c"')), ())


def sha(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_float32_is_its_own_shortest_text() -> None:
    batch = Batch.from_rows(FLOATS, [(0.1, -0.0, None), (1e-45, 3.4028234663852886e38, 16777216)])
    assert StoredInputs(FLOATS).encode(batch) == (
        b'[{"a":0.1,"b%b":-0.0,"c\\"":null},{"a":1e-45,"b%b":3.4028235e+38,"c\\"":16777216.0}]'
    )


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3))
@settings(deadline=None)
def test_float32_texts_round_trip(values: list[float]) -> None:
    stored = StoredInputs(FLOATS)
    batch = Batch.from_rows(FLOATS, [tuple(values)])
    assert stored.decode(stored.encode(batch)).matrix().tobytes() == batch.matrix().tobytes()


@given(data=st.data())
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_was_kept_comes_back(data: st.DataObject) -> None:
    signature = data.draw(strategies.signatures())
    rows = data.draw(strategies.rows(signature, good=True))
    batch = Decoder(signature, max_instances=10, max_problems=10).decode(strategies.positional_text(rows), None)
    stored = StoredInputs(signature)
    text = stored.encode(batch)
    assert list(map(list, json.loads(text))) == [list(signature.names)] * batch.n
    again = stored.decode(text)
    # A float32 comes back as the double of its shortest text: what must be equal is the arrays.
    assert same_arrays(again, batch)
    assert stored.encode(again) == text
    columns = Batch.from_columns(signature, {name: batch.values(name) for name in signature.names})
    assert stored.encode(columns) == text


def test_each_type() -> None:
    signature = Signature(
        (
            Field("flag", "bool"),
            Field("id", "int64"),
            Field("ratio", "float64", nullable=True),
            Field("place", "category", categories=("x",), unknown="native", nullable=True),
            Field("note", "string"),
            Field("grid", "float32", shape=(2, 1), nullable=True),
            Field("speed", "float32"),
        ),
        (),
    )
    rows = [(True, 2**63 - 1, -0.0, "x", 'a,"b', [[0.1], [2.0]], 0.1), (False, -1, None, "new", "", None, 5.0)]
    stored = StoredInputs(signature)
    assert stored.encode(Batch.from_rows(signature, rows)) == (
        b'[{"flag":true,"id":9223372036854775807,"ratio":-0.0,"place":"x","note":"a,\\"b","grid":[[0.1],[2.0]],'
        b'"speed":0.1},{"flag":false,"id":-1,"ratio":null,"place":"new","note":"","grid":null,"speed":5.0}]'
    )
    assert stored.encode(Batch.from_rows(signature, rows[:1])).endswith(b'"speed":0.1}]')


def test_hash_and_omit() -> None:
    signature = Signature(
        (
            Field("name", "string", keep="hash"),
            Field("speed", "float32", keep="hash", nullable=True),
            Field("id", "int64", keep="hash"),
            Field("secret", "float32", keep="omit"),
            Field("wind", "float32"),
        ),
        (),
    )
    stored = StoredInputs(signature)
    assert stored.not_kept == {"name": "hash", "speed": "hash", "id": "hash", "secret": "omit"}
    text = stored.encode(Batch.from_rows(signature, [("é", 0.1, 2**62 + 1, 1.0, 2.5), ("b", None, 1, 1.0, 1.0)]))
    first, second = json.loads(text)
    assert first == {"name": sha('"é"'), "speed": sha("0.1"), "id": sha(str(2**62 + 1)), "wind": 2.5}
    assert second["speed"] is None
    with pytest.raises(NotSupported, match="'secret'"):
        stored.decode(text)


def test_nothing_is_kept() -> None:
    signature = Signature((Field("secret", "float32", keep="omit"),), ())
    assert StoredInputs(signature).encode(Batch.from_rows(signature, [(1.0,), (2.0,)])) == b"[{},{}]"


@pytest.mark.parametrize(
    "text", [b"[]", b"{}", b'[{"a":1}]', b'[{"a":1,"b%b":1,"c\\"":1,"d":1}]', b'[{"a":"x"}]', b"["]
)
def test_other_inputs_are_refused(text: bytes) -> None:
    with pytest.raises(NotSupported):
        StoredInputs(FLOATS).decode(text)


def test_a_sample_of_all_float32_survives() -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 30_000, np.uint64).astype(np.uint32)
    values = bits.view(np.float32)
    values = values[np.isfinite(values)]
    rows = [tuple(row) for row in values[: len(values) // 3 * 3].reshape(-1, 3).tolist()]
    stored = StoredInputs(FLOATS)
    batch = Batch.from_rows(FLOATS, rows)
    assert stored.decode(stored.encode(batch)).matrix().tobytes() == batch.matrix().tobytes()
    assert not math.isnan(batch.matrix().sum(dtype=np.float64))


def test_bytes_halves_and_any_size() -> None:
    signature = Signature(
        (
            Field("half", "float16"),
            Field("big", "uint64"),
            Field("file", "bytes", nullable=True),
            Field("files", "bytes", shape=(-1,)),
            Field("rows", "float32", shape=(-1, 2)),
            Field("seen", "bytes", keep="hash"),
            Field("halves", "float16", shape=(-1,), keep="hash"),
        ),
        (),
    )
    rows = [
        (0.1, 2**64 - 1, b"\0\xff", [b"a", b""], [[0.1, 2.0]], b"secret", [0.1]),
        (2.0, 0, None, [], [], b"", []),
    ]
    assert json.loads(StoredInputs(signature).encode(Batch.from_rows(signature, rows))) == [
        {
            "half": 0.1,
            "big": 2**64 - 1,
            "file": "AP8=",
            "files": ["YQ==", ""],
            "rows": [[0.1, 2.0]],
            "seen": sha('"c2VjcmV0"'),
            "halves": sha("[0.1]"),
        },
        {"half": 2.0, "big": 0, "file": None, "files": [], "rows": [], "seen": sha('""'), "halves": sha("[]")},
    ]


def test_stored_bytes_that_are_none_are_refused() -> None:
    with pytest.raises(NotSupported):
        StoredInputs(Signature((Field("x", "bytes"),), ())).decode(b'[{"x":"no"}]')
    with pytest.raises(NotSupported):
        StoredInputs(Signature((Field("x", "image"),), ())).decode(b'[{"x":"AAAA"}]')
