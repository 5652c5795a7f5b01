"""A damaged model file is refused, or is loaded and answered from; it never ends or hangs the process.

The bare library ends with a segmentation fault on about one in twenty of the UBJSON files made here.
"""

import copy
import json
import random
from collections import Counter

import numpy as np
import pytest
from xgboost_zoo import FRAME, MATRIX

from mlserve.errors import SignatureError
from mlserve.testing import outcome_of
from mlserve.trees import UNSOUND
from mlserve_xgboost.engine import Engine
from mlserve_xgboost.library import XGBoostError
from mlserve_xgboost.model_file import parse
from mlserve_xgboost.outputs import outputs_of, width_of

NAMES = ("frame-partition", "softprob-3", "two-targets-vector-leaves", "dart", "linear", "quantile-3")
REFUSALS = (*UNSOUND, SignatureError)
NUMBERS = (-(2**31), -1, 0, 1, 2, 5, 7, 100, 2**24, 2**31 - 1, 2**40)
TEXTS = ("", "0", "-1", "2", "4", "100000", "16777216", "[1,2]", "[NaN]", "1E0", "dart", "multi:softmax")


def flipped(raw: bytes, chance: random.Random) -> bytes:
    data = bytearray(raw)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(data))
        if chance.random() < 0.7:
            data[at] ^= 1 << chance.randrange(8)
        else:
            data[at : at + chance.choice((0, 1, 4, 8))] = bytes(
                chance.choices((0, 1, 127, 255), k=chance.choice((1, 8)))
            )
    return bytes(data)


def rewritten(document: dict, chance: random.Random) -> bytes:
    """Some value, anywhere, replaced by another of its kind, taken away or doubled."""
    document = copy.deepcopy(document)
    for _ in range(chance.choice((1, 1, 2))):
        holder, key = document, "learner"
        while isinstance(holder[key], dict | list) and len(holder[key]) and chance.random() < 0.95:
            holder = holder[key]
            key = chance.choice(list(holder)) if isinstance(holder, dict) else chance.randrange(len(holder))
        value = holder[key]
        if isinstance(value, str):
            holder[key] = chance.choice(TEXTS)
        elif isinstance(value, int | float):
            holder[key] = chance.choice((*NUMBERS, value + 1, value - 1, float("nan"), 1e38))
        elif chance.random() < 0.5:
            del holder[key]
        else:
            holder[key] = [*value, *list(value)[:1]] if isinstance(value, list) else []
        if "learner" not in document:
            break
    return json.dumps(document).encode()


def outcome(raw: bytes) -> str:
    """What becomes of the file: it is read here, and answered from in a process of its own."""
    try:
        file = parse(raw)
        outputs_of(file)
    except REFUSALS:
        return "refused"
    found = outcome_of(lambda: answered(file))
    return "refused by the library" if found == "refused" else found


def answered(file) -> bool:
    codes = FRAME.assign(city=FRAME.city.cat.codes, gate=FRAME.gate.cat.codes + 2).to_numpy(np.float32)
    matrix = np.resize(codes if file.features == codes.shape[1] else MATRIX, (60, file.features))
    try:
        engine = Engine(file, width_of(file), 1)
        engine.predict(np.ascontiguousarray(matrix))
        if engine.explains:
            engine.contributions(np.ascontiguousarray(matrix))
        for kind in engine.score_kinds:
            engine.scores(kind)
        engine.close()
    except XGBoostError:
        return False
    return True


@pytest.mark.parametrize("name", NAMES)
def test_damaged_bytes_end_no_process(name, zoo):
    chance = random.Random(f"bytes {name}")
    raw = {suffix: bytes(zoo(name).reference().save_raw(suffix)) for suffix in ("ubj", "json")}
    outcomes = Counter(outcome(flipped(raw[chance.choice(("ubj", "json"))], chance)) for _ in range(40))
    assert set(outcomes) <= {"refused", "refused by the library", "answered"}, outcomes
    assert outcomes["refused"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_damaged_values_end_no_process(name, zoo):
    chance = random.Random(f"values {name}")
    document = json.loads(zoo(name).reference().save_raw("json"))
    outcomes = Counter(outcome(rewritten(document, chance)) for _ in range(40))
    assert set(outcomes) <= {"refused", "refused by the library", "answered"}, outcomes
    assert outcomes["refused"] > 0
    assert outcomes["answered"] > 0
