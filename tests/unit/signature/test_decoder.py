import json
import threading
from typing import Any

import numpy as np
import pytest

from mlserve.errors import Invalid, SignatureError, TooLarge, Unreadable
from mlserve.signature import Batch, Decoder, Field, Signature
from mlserve.signature.examples import example_value
from mlserve.signature.faults import CODES

SIGNATURE = Signature(
    (
        Field("carrier", "category", categories=("AA", "UA")),
        Field("age", "int32", minimum=0, maximum=120),
        Field("wind", "float32", nullable=True),
        Field("note", "string", required=False),
        Field("grid", "float32", shape=(2, 2), required=False),
        Field("odd~/name", "bool"),
    ),
    (),
)
GOOD: dict[str, Any] = {
    "carrier": "UA",
    "age": 7,
    "wind": 1.5,
    "note": "x",
    "grid": [[1, 2], [3, 4]],
    "odd~/name": True,
}


@pytest.fixture
def fallbacks() -> list[None]:
    """One entry for each request that only the slow decoder accepted."""
    return []


@pytest.fixture
def decoder(fallbacks: list[None]) -> Decoder:
    return Decoder(SIGNATURE, max_instances=5, max_problems=10, count_fallback=lambda: fallbacks.append(None))


def decode(decoder: Decoder, instances: Any = None, columns: Any = None) -> Batch:
    return decoder.decode(
        None if instances is None else json.dumps(instances).encode(),
        None if columns is None else json.dumps(columns).encode(),
    )


def refusal(decoder: Decoder, instances: Any = None, columns: Any = None) -> Invalid:
    with pytest.raises(Invalid) as caught:
        decode(decoder, instances, columns)
    assert {problem.code for problem in caught.value.problems} <= set(CODES)
    return caught.value


def test_good_requests_take_the_fast_way_in_each_form(decoder: Decoder, fallbacks: list[None]) -> None:
    few = {"carrier": "AA", "age": 1.0, "wind": None, "odd~/name": False}
    for batch in (
        decode(decoder, [GOOD, few]),
        decode(decoder, [list(GOOD.values()), ["AA", 1, None, None, None, False]]),
        decode(decoder, columns={name: [value, few.get(name)] for name, value in GOOD.items()}),
    ):
        assert batch.values("age") == [7, 1]
        assert [type(age) for age in batch.values("age")] == [int, int]
        assert batch.values("note") == ["x", None]
        array, mask = batch.column("grid")
        assert array.shape == (2, 2, 2)
        assert mask.tolist() == [False, True]
    assert not fallbacks


def test_absent_columns_are_missing(decoder: Decoder) -> None:
    batch = decode(decoder, columns={"carrier": ["UA"], "age": [3], "wind": [None], "odd~/name": [True]})
    assert batch.values("grid") == [None]


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"age": "7"}, "type", "/instances/1/age"),
        ({"age": True}, "type", "/instances/1/age"),
        ({"age": 1.5}, "type", "/instances/1/age"),
        ({"age": 121}, "range", "/instances/1/age"),
        ({"age": 2**31}, "overflow", "/instances/1/age"),
        ({"age": None}, "null", "/instances/1/age"),
        ({"wind": 3.5e38}, "overflow", "/instances/1/wind"),
        ({"wind": "nan"}, "type", "/instances/1/wind"),
        ({"carrier": "ZZ"}, "category", "/instances/1/carrier"),
        ({"carrier": 1}, "type", "/instances/1/carrier"),
        ({"note": "a\0b"}, "nul", "/instances/1/note"),
        ({"note": 1}, "type", "/instances/1/note"),
        ({"grid": [[1, 2], [3]]}, "shape", "/instances/1/grid/1"),
        ({"grid": [[1, 2], [3, None]]}, "type", "/instances/1/grid/1/1"),
        ({"grid": 5}, "type", "/instances/1/grid"),
        ({"odd~/name": 1}, "type", "/instances/1/odd~0~1name"),
        ({"agee": 1}, "unknown_field", "/instances/1/agee"),
    ],
)
def test_a_bad_value_is_named(decoder: Decoder, change: dict[str, Any], code: str, pointer: str) -> None:
    (problem,) = refusal(decoder, [GOOD, GOOD | change]).problems
    assert (problem.code, problem.pointer, problem.instance) == (code, pointer, 1)
    assert problem.field == next(iter(change))
    assert problem.expected
    assert problem.got


def test_all_problems_come_at_once(decoder: Decoder) -> None:
    error = refusal(decoder, [{"carrier": "ZZ", "age": -1, "wind": "x", "speed": 3}, 5])
    assert [(problem.code, problem.pointer) for problem in error.problems] == [
        ("category", "/instances/0/carrier"),
        ("range", "/instances/0/age"),
        ("type", "/instances/0/wind"),
        ("required", "/instances/0/odd~0~1name"),
        ("unknown_field", "/instances/0/speed"),
        ("type", "/instances/1"),
    ]
    assert not error.more
    assert error.problems[0].expected == 'one of "AA", "UA"'
    assert error.problems[0].got == '"ZZ"'


def test_the_walk_stops_at_the_limit() -> None:
    decoder = Decoder(SIGNATURE, max_instances=5, max_problems=2)
    exact = refusal(decoder, [GOOD | {"age": "x", "wind": "x"}])
    assert (len(exact.problems), exact.more) == (2, False)
    above = refusal(decoder, [GOOD | {"age": "x", "wind": "x", "carrier": 1}])
    assert (len(above.problems), above.more) == (2, True)
    tensor = refusal(decoder, [GOOD | {"grid": [["a", "b"], ["c", "d"]]}])
    assert (len(tensor.problems), tensor.more) == (2, True)


def test_the_nearest_name_is_offered(decoder: Decoder) -> None:
    (problem,) = refusal(decoder, [GOOD | {"carier": "UA"}]).problems
    assert 'did you mean "carrier"' in problem.expected


def test_instances_in_neither_form_are_told_of_both(decoder: Decoder) -> None:
    expected = [problem.expected for problem in refusal(decoder, ["JFK", 2475]).problems]
    assert expected == ["an object or an array of the model's fields"] * 2
    told = {problem.pointer: problem.expected for problem in refusal(decoder, [5, {"age": 1}, []]).problems}
    assert told["/instances/0"] == "an object or an array of the model's fields"
    assert told["/instances/2"] == "an object of the model's fields"


def test_null_is_told_the_range_as_another_type_is(decoder: Decoder) -> None:
    problems = refusal(decoder, [{"age": None}, {"age": "7"}]).problems
    by_code = {problem.code: problem.expected for problem in problems if problem.field == "age"}
    assert by_code["null"] == by_code["type"]
    assert "from 0 to 120" in by_code["null"]


def test_positional_problems(decoder: Decoder) -> None:
    row = list(GOOD.values())
    error = refusal(decoder, [row, row[:-1], ["AA", "x", 1, None, None, False], GOOD])
    assert [(problem.code, problem.pointer, problem.field) for problem in error.problems] == [
        ("length", "/instances/1", None),
        ("type", "/instances/2/1", "age"),
        ("type", "/instances/3", None),
    ]


def test_column_problems(decoder: Decoder) -> None:
    error = refusal(
        decoder,
        columns={"carrier": ["UA", "ZZ"], "age": [1, 2, 3], "wind": 5, "speed": [1, 2], "odd~/name": [None, True]},
    )
    assert [(problem.code, problem.pointer, problem.instance, problem.field) for problem in error.problems] == [
        ("category", "/columns/carrier/1", 1, "carrier"),
        ("length", "/columns/age", None, "age"),
        ("type", "/columns/wind", None, "wind"),
        ("null", "/columns/odd~0~1name/0", 0, "odd~/name"),
        ("unknown_field", "/columns/speed", None, "speed"),
    ]


@pytest.mark.parametrize("instances", [[], {}, None, "x", 5])
def test_no_instances(decoder: Decoder, instances: Any) -> None:
    with pytest.raises(Invalid) as caught:
        decoder.decode(json.dumps(instances).encode(), None)
    assert [problem.pointer for problem in caught.value.problems] == ["/instances"]


@pytest.mark.parametrize("columns", [[], "x", {}, {name: [] for name in SIGNATURE.names}])
def test_no_columns(decoder: Decoder, columns: Any) -> None:
    assert refusal(decoder, columns=columns).problems[0].pointer == "/columns"


def test_columns_that_may_all_be_absent_are_not_a_request() -> None:
    decoder = Decoder(Signature((Field("a", "bool", required=False),), ()), max_instances=5, max_problems=5)
    assert refusal(decoder, columns={}).problems[0].code == "empty"


def test_too_many_instances(decoder: Decoder) -> None:
    assert decode(decoder, [GOOD] * 5).n == 5
    for form in ([GOOD] * 6, [[]] * 6):
        with pytest.raises(TooLarge, match="6 instances"):
            decode(decoder, form)
    with pytest.raises(TooLarge):
        decode(decoder, columns={"age": [1] * 6})


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[",
        b"[{]",
        b'[{"age": NaN}]',
        b'[{"age": 01}]',
        b'[{"note": "\xff"}]',
        b'[{"note": "\\ud800"}]',
        b'[{"x": ' + b"[" * 100_000,
        b"[" * 100_000,
        b"[1e999, NaN]",
        b'[1e999, "\xff"]',
        b"[1e999, " + b"[" * 100_000,
    ],
)
def test_unreadable(decoder: Decoder, raw: bytes) -> None:
    with pytest.raises(Unreadable):
        decoder.decode(raw, None)
    with pytest.raises(Unreadable):
        decoder.decode(None, raw)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400, "9" * 5000])
def test_numbers_beyond_all_types_have_their_pointer(decoder: Decoder, number: str) -> None:
    good = json.dumps(GOOD)
    raw = f"[{good}, {good.replace('1.5', number)}, {good.replace('7', number)}]".encode()
    with pytest.raises(Invalid) as caught:
        decoder.decode(raw, None)
    assert [(problem.code, problem.pointer) for problem in caught.value.problems] == [
        ("overflow", "/instances/1/wind"),
        ("overflow", "/instances/2/age"),
    ]


def test_a_number_beyond_all_types_is_refused_even_behind_a_later_key(decoder: Decoder) -> None:
    raw = json.dumps([GOOD]).replace('"age"', '"age": 1e999, "age"').encode()
    with pytest.raises(Invalid) as caught:
        decoder.decode(raw, None)
    assert caught.value.problems[0].code == "overflow"


def test_what_only_the_schema_accepts_is_counted(decoder: Decoder, fallbacks: list[None]) -> None:
    batch = decoder.decode(json.dumps([GOOD | {"note": "\\u0000"}]).encode(), None)
    assert batch.values("note") == ["\\u0000"]
    assert len(fallbacks) == 1
    refusal(decoder, [GOOD | {"note": "\0"}])
    assert len(fallbacks) == 1


def test_bounds_of_a_float32_are_those_of_float32() -> None:
    decoder = Decoder(
        Signature((Field("x", "float32", minimum=-0.1, maximum=0.1),), ()),
        max_instances=5,
        max_problems=5,
        count_fallback=pytest.fail,
    )
    edge = float(np.float32(0.1))
    assert decode(decoder, [[edge], [-edge]]).n == 2
    assert [problem.code for problem in refusal(decoder, [[0.11], [-0.11]]).problems] == ["range", "range"]


def test_bounds_that_leave_nothing_are_refused_when_the_decoder_is_built() -> None:
    with pytest.raises(SignatureError, match="'x'"):
        Decoder(Signature((Field("x", "int32", minimum=1.2, maximum=1.8),), ()), max_instances=5, max_problems=5)


def test_unnameable_and_many_fields() -> None:
    names = ['a"b', "back\\slash", "line\n", *(f"f{i}" for i in range(300))]
    signature = Signature(tuple(Field(n, "float32") for n in names), ())
    decoder = Decoder(signature, max_instances=5, max_problems=5, count_fallback=pytest.fail)
    row = {name: float(i) for i, name in enumerate(reversed(names))}
    assert decode(decoder, [row]).matrix()[0].tolist() == [row[name] for name in names]
    assert decode(decoder, columns={name: [value] for name, value in row.items()}).matrix()[0, 0] == 302
    assert refusal(decoder, [row | {"x": 1}]).problems[0].code == "unknown_field"


def test_neither_or_both_forms(decoder: Decoder) -> None:
    for instances, columns in ((None, None), (b"[]", b"{}")):
        with pytest.raises(Invalid):
            decoder.decode(instances, columns)


def test_csv_cells(decoder: Decoder) -> None:
    batch = decoder.decode_text(
        [
            {"carrier": "UA", "age": "7", "wind": "", "note": "7", "grid": "[[1,2],[3,4]]", "odd~/name": "True"},
            {"carrier": "AA", "age": " 7.0 ", "wind": "+1e2", "odd~/name": "0"},
        ]
    )
    assert batch.rows() == [("UA", 7, None, "7", [[1.0, 2.0], [3.0, 4.0]], True), ("AA", 7, 100.0, None, None, False)]


def test_csv_problems(decoder: Decoder) -> None:
    with pytest.raises(Invalid) as caught:
        decoder.decode_text([{"carrier": "", "age": "seven", "wind": "nan", "odd~/name": "yes", "grid": "[", "x": "1"}])
    assert [(problem.code, problem.pointer) for problem in caught.value.problems] == [
        ("null", "/instances/0/carrier"),
        ("type", "/instances/0/age"),
        ("type", "/instances/0/wind"),
        ("type", "/instances/0/grid"),
        ("type", "/instances/0/odd~0~1name"),
        ("unknown_field", "/instances/0/x"),
    ]


def test_one_decoder_serves_many_threads(decoder: Decoder) -> None:
    found: list[list[Any]] = []

    def work(age: int) -> None:
        found.extend(decode(decoder, [GOOD | {"age": age}]).values("age") for _ in range(200))

    threads = [threading.Thread(target=work, args=(age,)) for age in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted([[age] for age in range(4) for _ in range(200)])


def test_cells_of_bytes_images_and_tensors() -> None:
    photo = example_value(Field("photo", "image"))
    signature = Signature(
        (
            Field("file", "bytes"),
            Field("photo", "image", shape=(2, 2, 1)),
            Field("rows", "int8", shape=(-1, 2)),
            Field("files", "bytes", shape=(-1,), nullable=True),
            Field("note", "text"),
        ),
        (),
    )
    decoder = Decoder(signature, max_instances=2, max_problems=9)
    row = {"file": "AP8=", "photo": photo, "rows": "[[1, 2], [3, 4]]", "files": "", "note": "a\nb"}
    batch = decoder.decode_text([row, {**row, "rows": "[]", "files": '["AA=="]'}])
    assert batch.values("file") == [b"\0\xff"] * 2
    assert batch.column("photo")[0].shape == (2, 2, 2, 1)
    assert batch.values("rows") == [[[1, 2], [3, 4]], []]
    assert batch.values("files") == [None, [b"\0"]]
    wrong = {"file": "no", "photo": photo, "rows": "[[1]]", "files": "[", "note": "x"}
    with pytest.raises(Invalid) as refused:
        decoder.decode_text([wrong])
    assert [(problem.pointer, problem.code) for problem in refused.value.problems] == [
        ("/instances/0/file", "base64"),
        ("/instances/0/rows/0", "shape"),
        ("/instances/0/files", "type"),
    ]


def test_arrays_beside_each_other_have_one_size() -> None:
    decoder = Decoder(Signature((Field("x", "uint64", shape=(-1, -1, 2)),), ()), max_instances=3, max_problems=9)
    assert decoder.decode(b"[[[]], [[[], []]], [[[[1, 18446744073709551615]], [[2.0, 0]]]]]", None).n == 3
    with pytest.raises(Invalid) as refused:
        decoder.decode(None, b'{"x": [[[[1, 2]], []], [[[1, -1]]], [[1]]]}')
    assert [(problem.pointer, problem.code, problem.expected) for problem in refused.value.problems] == [
        ("/columns/x/0/1", "shape", "an array of 1, as the one before it"),
        ("/columns/x/1/0/0/1", "overflow", "a whole number that fits uint64 (0 to 18446744073709551615)"),
        ("/columns/x/2/0/0", "type", "an array of shape [any, any, 2], each a whole number"),
    ]
