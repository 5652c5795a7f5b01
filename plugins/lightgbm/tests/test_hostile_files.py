"""A damaged model file is refused, or is loaded and answered from; it never ends or hangs the process.

The bare library ends with a segmentation fault, an endless loop or all memory on many of the files made here.
"""

import os
import random
import re
from collections import Counter

import numpy as np
import pytest

from mlserve.errors import SignatureError
from mlserve.testing import outcome_of
from mlserve.trees import UNSOUND
from mlserve_lightgbm.engine import Engine
from mlserve_lightgbm.library import LightGBMError
from mlserve_lightgbm.model_file import parse
from mlserve_lightgbm.outputs import outputs_of

NAMES = ("frame", "multiclass", "codes", "linear", "rf", "constant", "deep")
REFUSALS = (*UNSOUND, SignatureError)
NUMBERS = ("", "0", "-1", "1", "2", "3", "7", "8", "31", "100", "2147483647", "-2147483648", "4294967295", "1e5", "nan")
WORDS = (*NUMBERS, "inf", "-", "=", "multiclass", "none", "1 2 3", "9" * 30, "0x10", "1_0", "٣")


def flipped(raw: bytes, chance: random.Random) -> bytes:
    """Some bytes turned, cut out, doubled or replaced; sometimes the end is missing."""
    data = bytearray(raw[: raw.index(b"parameters:")])
    for _ in range(chance.choice((1, 1, 2, 8))):
        at, way = chance.randrange(len(data)), chance.random()
        if way < 0.5:
            data[at] ^= 1 << chance.randrange(8)
        elif way < 0.8:
            data[at : at + chance.choice((0, 1, 4))] = chance.choice(
                (b"0", b"9", b" ", b"\n", b"=", b"-", b"\0", b"\r")
            )
        elif way < 0.9:
            del data[at : at + chance.choice((1, 20, 300))]
        else:
            del data[at:]
            break
        if not data:
            break
    return bytes(data) + raw[raw.index(b"parameters:") :]


def rewritten(raw: bytes, chance: random.Random) -> bytes:
    """Some values, lines or whole trees changed, and the sizes of the trees as they are then."""
    head, *blocks = raw.split(b"\n\nTree=")
    last, end, tail = blocks[-1].partition(b"\n\nend of trees")
    parts = [head, *blocks[:-1], last]
    for _ in range(chance.choice((1, 1, 2))):
        place = chance.randrange(len(parts))
        lines = parts[place].decode().split("\n")
        at = chance.randrange(len(lines))
        key, equals, value = lines[at].partition("=")
        words = value.split(" ")
        way = chance.random()
        if way < 0.6 and equals:
            words[chance.randrange(len(words))] = chance.choice(WORDS)
            lines[at] = f"{key}={' '.join(words)}"
        elif way < 0.75 and equals:
            lines[at] = f"{key}={' '.join(words[:-1] if chance.random() < 0.5 else [*words, words[-1]])}"
        elif way < 0.85:
            del lines[at]
        else:
            lines.insert(at, chance.choice(lines))
        parts[place] = "\n".join(lines).encode()
    head, *blocks = parts
    trees = [b"Tree=" + block + b"\n\n\n" for block in blocks]
    if chance.random() < 0.9:
        sizes = " ".join(str(len(tree)) for tree in trees).encode()
        head = b"\n".join(
            b"tree_sizes=" + sizes if line.startswith(b"tree_sizes=") else line for line in head.split(b"\n")
        )
    return head + b"\n\n" + b"".join(trees) + end.lstrip(b"\n") + tail


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
    matrix = np.random.default_rng(1).normal(size=(60, file.features)) * 4
    matrix[::3] = np.nan
    matrix[1::3] = matrix[1::3].round()
    try:
        engine = Engine(file, 1)
        engine.predict(matrix)
        engine.predict(matrix[:1])
        if not (file.linear or file.deep):
            engine.contributions(matrix)
        engine.scores()
        engine.close()
    except LightGBMError:
        return False
    return True


@pytest.mark.parametrize("damage", [flipped, rewritten])
@pytest.mark.parametrize("name", NAMES)
def test_damage_ends_no_process(name, damage, zoo):
    chance = random.Random(f"{damage.__name__} {name}")
    raw = zoo(name).path.read_bytes()
    outcomes = Counter(outcome(damage(raw, chance)) for _ in range(int(os.environ.get("MLSERVE_FUZZ", "40"))))
    assert set(outcomes) <= {"refused", "refused by the library", "answered"}, outcomes
    assert outcomes["refused"] > 0
    if damage is rewritten:
        assert outcomes["answered"] > 0, outcomes


@pytest.mark.parametrize("kind", [b"2", b"-1", b"7"])
def test_leaves_that_are_linear_by_another_number_are_refused(kind, zoo):
    """The library takes every number but 0 for yes, and then reads whatever feature a leaf names."""
    raw = zoo("linear").path.read_bytes()
    changed = raw.replace(b"is_linear=1", b"is_linear=" + kind)
    changed = re.sub(rb"leaf_features=[0-9]+", b"leaf_features=9999999", changed)
    starts = [found.start() for found in re.finditer(rb"Tree=", changed)]
    ends = [*starts[1:], changed.index(b"end of trees")]
    sizes = " ".join(str(end - start) for start, end in zip(starts, ends, strict=True)).encode()
    changed = re.sub(rb"tree_sizes=.*", b"tree_sizes=" + sizes, changed)
    assert outcome(changed) == "refused"
    with pytest.raises(ValueError, match="is_linear is neither 0 nor 1"):
        parse(changed)
