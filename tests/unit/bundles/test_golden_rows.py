import base64
from typing import Any

import numpy as np

from mlserve.bundles.golden_rows import USUAL, choose, instances_of, is_exact
from mlserve.bundles.parts import MOST_GOLDEN
from mlserve.signature import Batch, Field, Picture, Signature
from mlserve.signature.examples import example_value

RANDOM_ROWS = 2000


def batch_of(signature: Signature, **columns: Any) -> Batch:
    return Batch.from_columns(signature, {name: list(values) for name, values in columns.items()})


SIGNATURE = Signature(
    (
        Field("x", "float64", nullable=True),
        Field("n", "int32"),
        Field("flag", "bool"),
        Field("city", "category", categories=tuple("abcdefgh"), unknown="native", nullable=True),
    ),
    (),
)


def sample() -> Batch:
    rows = range(RANDOM_ROWS)
    return batch_of(
        SIGNATURE,
        x=[None if row == 777 else (row * 7919) % 1999 / 10 for row in rows],
        n=[(row * 31) % 1000 for row in rows],
        flag=[row == 1234 for row in rows],
        # The last two rows have a category that no other has, and one that nobody knows.
        city=["h" if row == 1998 else "?" if row == 1999 else None if row == 5 else "abcdefg"[row % 7] for row in rows],
    )


def test_the_golden_rows_show_all_that_the_data_has() -> None:
    batch = sample()
    outputs = {"y": np.array([(row * 13) % 1777 for row in range(RANDOM_ROWS)], np.float32)}
    chosen = choose(batch, outputs)
    values = {name: [batch.values(name)[place] for place in chosen] for name in SIGNATURE.names}

    assert chosen == sorted({*chosen})
    assert len(chosen) == USUAL
    assert {777, 1234, 1998, 1999, 5} <= {*chosen}
    assert {*values["city"]} == {*"abcdefgh", "?", None}
    for name in ("x", "n"):
        whole = [value for value in batch.values(name) if value is not None]
        assert {min(whole), max(whole)} <= {*values[name]}
    assert {int(outputs["y"].argmin()), int(outputs["y"].argmax())} <= {*chosen}
    # A row that shows several things is there once, and the same data gives the same rows.
    assert choose(sample(), outputs) == chosen


def test_there_are_never_too_many() -> None:
    many = Signature((Field("c", "category", categories=tuple(map(str, range(500)))),), ())
    batch = batch_of(many, c=[str(row % 500) for row in range(1000)])
    assert len(choose(batch, {})) == MOST_GOLDEN

    wide = Signature(tuple(Field(f"x{number}", "float32") for number in range(20_000)), ())
    assert len(choose(Batch.from_rows(wide, [(float(row),) * 20_000 for row in range(50)]), {})) == 5


def test_a_few_rows_are_all_golden() -> None:
    assert choose(batch_of(SIGNATURE, x=[1.0, None], n=[1, 2], flag=[True, True], city=["a", "b"]), {}) == [0, 1]
    one = batch_of(SIGNATURE, x=[None], n=[1], flag=[True], city=[None])
    assert choose(one, {"y": np.array([np.nan])}) == [0]


def test_instances_are_as_the_log_stores_them() -> None:
    signature = Signature(
        (Field("a", "float32"), Field("b", "float64", nullable=True), Field("c", "category", categories=("x",))), ()
    )
    batch = batch_of(signature, a=[0.1, 2.0, 3.0], b=[None, 0.5, -0.0], c=["x", "x", "x"])
    assert instances_of(batch, [0, 2]) == [{"a": 0.1, "b": None, "c": "x"}, {"a": 3.0, "b": -0.0, "c": "x"}]


def test_what_the_log_does_not_keep_is_in_no_golden_row() -> None:
    signature = Signature(
        (
            Field("email", "string", keep="hash", nullable=True),
            Field("name", "string", keep="omit", example="Ada"),
            Field("code", "category", categories=("u", "v"), keep="omit"),
            Field("income", "float64", keep="hash"),
            Field("x", "float32"),
        ),
        (),
    )
    batch = batch_of(
        signature, email=["a@b.c", "d@e.f"], name=["Bob", "Eve"], code=["v", "v"], income=[1.5, 2.5], x=[1.0, 2.0]
    )
    stranger = {"email": None, "name": "Ada", "code": "u", "income": 0}
    assert instances_of(batch, [0, 1]) == [{**stranger, "x": 1.0}, {**stranger, "x": 2.0}]


def test_rows_that_canonical_json_cannot_hold_are_left_out() -> None:
    signature = Signature((Field("id", "int64"),), ())
    batch = batch_of(signature, id=[1, 2**53 + 1, 2**62 - 1, -5])
    assert instances_of(batch, [0, 1, 2, 3]) == [{"id": 1}, {"id": -5}]
    assert is_exact({"id": -0.0})
    assert not is_exact({"id": 2**53 + 1})


def test_rows_are_no_burden_to_a_manifest() -> None:
    signature = Signature((Field("text", "string"),), ())
    assert len(instances_of(batch_of(signature, text=["x" * 1_000_000] * 9), list(range(9)))) == 4

    image = Signature((Field("image", "float32", (100, 100)),), ())
    batch = Batch.from_columns(image, {"image": np.zeros((50, 100, 100), np.float32)})
    assert len(choose(batch, {})) == 10


def test_files_that_the_log_does_not_keep_are_replaced_by_examples() -> None:
    signature = Signature(
        (
            Field("face", "image", keep="hash"),
            Field("scan", "bytes", keep="omit", nullable=True),
            Field("rows", "int8", shape=(-1,)),
        ),
        (),
    )
    example = base64.b64decode(example_value(signature.inputs[0]))
    other = Picture(example + b"somebody", np.zeros((1, 1, 3), np.uint8))
    batch = batch_of(signature, face=[other, other], scan=[b"secret", b""], rows=[[1], [2, 3]])
    assert choose(batch, {"y": np.array([1.0, 2.0])}) == [0, 1]
    assert instances_of(batch, [0, 1]) == [
        {"face": base64.b64encode(example).decode(), "scan": None, "rows": rows} for rows in ([1], [2, 3])
    ]
