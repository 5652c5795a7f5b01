"""The UBJSON reader: what XGBoost writes, and a ValueError for everything else."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_xgboost import ubjson

LENGTH = b"L" + b"\0" * 7


def plain(value):
    """Arrays as lists, floats as float32 text, so that the two formats of one model can be compared."""
    if isinstance(value, np.ndarray | list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return float(np.float32(value)) if isinstance(value, float | np.floating) else value


@pytest.mark.parametrize("name", ["binary-logistic", "frame-partition", "dart", "linear", "two-targets-vector-leaves"])
def test_reads_what_the_library_writes(name, zoo):
    booster = zoo(name).reference()
    from_json = plain(json.loads(booster.save_raw("json")))
    from_ubjson = plain(ubjson.loads(bytes(booster.save_raw("ubj"))))
    assert from_ubjson["learner"]["learner_model_param"] == from_json["learner"]["learner_model_param"]
    ours, theirs = (document["learner"]["gradient_booster"] for document in (from_ubjson, from_json))
    assert ours.keys() == theirs.keys()
    trees = [document.get("gbtree", document)["model"].get("trees", []) for document in (ours, theirs)]
    for tree, other in zip(*trees, strict=True):
        for key in ("left_children", "split_indices", "split_conditions", "categories"):
            assert tree[key] == pytest.approx(other[key])


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"Z", None),
        (b"T", True),
        (b"F", False),
        (b"i\xff", -1),
        (b"U\xff", 255),
        (b"I\xff\xfe", -2),
        (b"l\0\0\1\0", 256),
        (b"L" + b"\0" * 6 + b"\1\0", 256),
        (b"d\x3f\x80\0\0", 1.0),
        (b"D\x3f\xf0" + b"\0" * 6, 1.0),
        (b"S" + LENGTH + b"\3Rig", None),
        (b"[]", []),
        (b"[i\1i\2]", [1, 2]),
        (b"[#" + LENGTH + b"\2i\1T", [1, True]),
        (b"{" + LENGTH + b"\1ai\1}", {"a": 1}),
    ],
)
def test_each_marker(data, value):
    assert ubjson.loads(data) == ("Rig" if data[:1] == b"S" else value)


def test_typed_arrays_are_numpy_arrays_in_the_machine_s_order():
    array = ubjson.loads(b"[$l#" + LENGTH + b"\2\0\0\0\1\xff\xff\xff\xff")
    assert array.tolist() == [1, -1]
    assert array.dtype == np.int32
    assert array.dtype.isnative


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "cut short"),
        (b"L\0", "cut short"),
        (b"S" + LENGTH + b"\5abc", "cut short or damaged"),
        (b"[$d#L" + b"\x7f" + b"\0" * 7, "cut short or damaged"),
        (b"[#L" + b"\xff" * 8, "cut short or damaged"),
        (b"[$q#" + LENGTH + b"\0", "no element type"),
        (b"[$lL" + LENGTH + b"\0", "no element type"),
        (b"Si\3abc", "not a 64-bit one"),
        (b"[i\1", "cut short"),
        (b"H", "not a marker"),
        (b"TT", "1 bytes after its end"),
        (b"{" + (LENGTH + b"\1ai\1") * 2 + b"}", "'a' is there twice"),
        (b"[" * 1000, "nested deeper"),
        (b"S" + LENGTH + b"\1\xff", "utf-8"),
    ],
)
def test_refuses(data, sentence):
    with pytest.raises(ValueError, match=sentence):
        ubjson.loads(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(ValueError):
        ubjson.loads(data)
