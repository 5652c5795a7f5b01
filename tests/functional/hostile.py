"""What a hostile caller may send: strategies for bodies, and a call of the application that checks nothing itself."""

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from hypothesis import strategies as st
from sqlalchemy import text

from mlserve.application import Application
from tests.factories import Served

CITIES = ("Oslo", "Riga", "a/b~c")
LABELS = ["early", "on time", "late"]
# Each key of a problem, and each key of an item of its `errors`.
PROBLEM = {"type", "title", "status", "code", "detail", "request_id"}
ITEM = {"pointer", "instance", "field", "code", "expected", "got"}
MOST_PROBLEMS = 5
UNKNOWN_ID = "018f0000-0000-7000-8000-000000000000"


def flights_model(folder: Path) -> Path:
    """A small XGBoost model with a category, a float, an integer and a truth value, the first two of which may be null.

    It answers a probability of each of three classes and a label; an unknown city is told from a missing one.
    """
    import pandas as pd
    import xgboost

    chance = np.random.default_rng(7)
    rows = 200
    frame = pd.DataFrame(
        {
            "city": pd.Categorical(chance.choice(CITIES, rows), categories=CITIES),
            "distance": chance.gamma(2, 100, rows).astype("float32"),
            "stops": chance.integers(0, 9, rows),
            "weekend": chance.random(rows) < 0.3,
        }
    )
    frame.loc[chance.random(rows) < 0.1, ["city", "distance"]] = None
    data = xgboost.DMatrix(frame, frame.stops // 3, enable_categorical=True)
    parameters = {"objective": "multi:softprob", "num_class": 3, "max_depth": 2, "nthread": 1}
    booster = xgboost.train(parameters, data, 3)
    path = folder / "flights.ubj"
    booster.save_model(path)
    sidecar = {
        "inputs": [
            {"name": "city", "categories": list(CITIES), "unknown": "native", "nullable": True, "required": False},
            {"name": "distance", "nullable": True, "minimum": 0},
            {"name": "stops", "type": "int32", "nullable": False},
            {"name": "weekend", "nullable": False},
        ],
        "outputs": [
            {"name": "probability", "categories": LABELS},
            {"name": "label", "type": "category", "categories": LABELS},
        ],
    }
    (folder / "flights.ubj.signature.json").write_text(json.dumps(sidecar))
    return path


def kept(application: Application) -> tuple[int, int]:
    """How many predictions and reports of actuals the log holds."""
    with application.database.read() as connection:
        query = "SELECT (SELECT count(*) FROM predictions), (SELECT count(*) FROM actuals)"
        predictions, actuals = connection.execute(text(query)).one()
    return predictions, actuals


class Reply:
    """What the WSGI application answered."""

    def __init__(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = int(status.split()[0])
        self.headers = dict(headers)
        self.body = body


def call(
    app: Served, method: str, path: str, body: bytes = b"", query: str = "", headers: Mapping[str, str] | None = None
) -> Reply:
    """Send what WebTest would not: `path` is the decoded path as latin-1, `headers` may say anything."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/json",
    }
    for name, value in (headers or {}).items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"] = value
    told: list[Any] = []
    chunks = app.app(environ, lambda status, headers, exc_info=None: told.extend((status, headers)))
    try:
        return Reply(*told, b"".join(chunks))
    finally:
        if hasattr(chunks, "close"):
            chunks.close()


def check_problem(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The problem of a refusal, whole and in the one shape."""
    assert 400 <= status < 500, (status, body[:500])
    assert headers["Content-Type"] == "application/problem+json"
    assert b"Traceback" not in body
    problem: dict[str, Any] = json.loads(body)
    assert PROBLEM <= problem.keys() <= PROBLEM | {"errors", "more"}
    assert problem["status"] == status
    assert problem["type"].endswith(f":{problem['code']}")
    assert problem["request_id"] == headers["X-Request-Id"]
    for item in problem.get("errors", ()):
        assert item.keys() == ITEM
        assert item["pointer"] == "" or item["pointer"].startswith("/")
        assert len(item["got"]) <= 100
    assert len(problem.get("errors", ())) <= MOST_PROBLEMS
    return problem


# JSON texts rather than values: duplicate keys, numbers that no float holds and lone surrogates are only texts.
NUMBERS = [
    "0", "-0", "-0.0", "1", "2.5", "1e3", "1e999", "-1e999", "1e-999", "9" * 30, "-" + "9" * 400, "1" + "0" * 5000,
    "2147483648", "9223372036854775808", "3.5e38", "1.7976931348623157e308", "01", "1.", ".5", "+1", "0x10", "1_0",
]  # fmt: skip
WORDS = ["null", "true", "false", "NaN", "Infinity", "-Infinity", "nul", "True", "undefined", "", "'x'", "//"]
TEXTS = [
    '""', '"Oslo"', '"a/b~c"', '"1"', '"true"', '"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"\\u00"', '"\\x"',
    '"\x00"', '"\n"', '"\U0001f600"', '"' + "x" * 300 + '"', '"\\"', '"', '"\\u005c\\u0022"',
]  # fmt: skip
KEYS = [
    "instances", "columns", "reference", "parameters", "actuals", "id", "x", "y", "city", "distance", "stops",
    "weekend", "value", "label", "probability", "", "~1/", "\\u0078", "\\u0000", "__proto__", "x" * 300, "\\ud800",
]  # fmt: skip

scalar_texts = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(WORDS),
    st.sampled_from(TEXTS),
    st.floats().map(repr),
    st.integers().map(str),
    st.text(max_size=10).map(json.dumps),
)
key_texts = st.one_of(st.sampled_from([f'"{key}"' for key in KEYS]), st.text(max_size=5).map(json.dumps))


def _object(pairs: Iterable[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}"


json_texts = st.recursive(
    scalar_texts,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: "[" + ",".join(items) + "]"),
        st.lists(st.tuples(key_texts, inner), max_size=4).map(_object),
        st.tuples(inner, st.integers(60, 70)).map(lambda pair: "[" * pair[1] + pair[0] + "]" * pair[1]),
    ),
    max_leaves=12,
)


def as_bytes(document: str) -> bytes:
    return document.encode("utf-8", "surrogatepass")


# An envelope around anything: more of it gets past the first door than of anything alone.
enveloped = st.lists(
    st.tuples(st.sampled_from([f'"{key}"' for key in KEYS[:6]]), st.one_of(json_texts, scalar_texts)), max_size=3
).map(_object)
bodies = st.one_of(json_texts, enveloped).map(as_bytes)


@st.composite
def mutilated(draw: st.DrawFn, valid: st.SearchStrategy[bytes]) -> bytes:
    """A valid body with a few bytes cut out, put in, doubled or changed."""
    body = draw(valid)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 8)))
        inside = st.one_of(
            st.just(b""),
            st.just(body[start:end] * 2),
            st.binary(min_size=1, max_size=3),
            st.sampled_from(
                [b'"', b"\\", b"[", b"]", b"{", b"}", b",", b":", b"\x00", b"\xff", b"\xed\xa0\x80", b"e9999"]
            ),
            scalar_texts.map(as_bytes),
        )
        body = body[:start] + draw(inside) + body[end:]
    return body


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def distorted(draw: st.DrawFn, valid: st.SearchStrategy[bytes]) -> bytes:
    """A valid body in which one value somewhere is another, one key is gone, new, or another."""
    root = [json.loads(draw(valid))]
    place: Any = root
    steps = list(_containers(root))
    place = draw(st.sampled_from(steps))
    if isinstance(place, dict):
        old = draw(st.sampled_from([*place, "?"]))
        name = draw(st.one_of(st.just(old), st.sampled_from(KEYS), st.text(max_size=4)))
        gone = place.pop(old, None)
        if draw(st.booleans()):
            place[name] = draw(st.one_of(st.just(gone), values))
    elif place:
        place[draw(st.integers(0, len(place) - 1))] = draw(values)
    return msgspec.json.encode(json.loads(json.dumps(root[0], ensure_ascii=True).replace("\\ud", "\\u00")))


def _containers(value: Any) -> Iterable[Any]:
    if isinstance(value, dict | list):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from _containers(item)


# Requests: what stands around the body.
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "FOO", "get", ""]
SEGMENTS = [
    "api", "v1", "models", "line", "flights", "predictions", "actuals", "importance", "review", "health", "live",
    "ready", UNKNOWN_ID, UNKNOWN_ID.upper(), ".", "..", "%", "%2f", "\x00", "\r\n", "\xff", "\xed\xa0\x80", "\xc0\x80",
    "\xf0\x9f\x98\x80", "x" * 300, "", "*", "{model}", "?", "#",
]  # fmt: skip
PATHS = [
    "/api/v1/models", "/api/v1/models/line", "/api/v1/models/line/predictions", "/api/v1/models/flights/importance",
    f"/api/v1/models/line/predictions/{UNKNOWN_ID}", f"/api/v1/models/line/predictions/{UNKNOWN_ID}/actuals",
    "/api/v1/models/flights/actuals", "/health/live", "/health/ready",
]  # fmt: skip
paths = st.one_of(
    st.sampled_from(PATHS),
    st.tuples(st.sampled_from(PATHS), st.sampled_from(SEGMENTS)).map("/".join),
    st.lists(st.sampled_from(SEGMENTS), max_size=7).map(lambda parts: "/" + "/".join(parts)),
    st.text(st.characters(max_codepoint=255), max_size=20),
)
PARAMETERS = [
    "since",
    "until",
    "version",
    "caller",
    "reference",
    "limit",
    "cursor",
    "color",
    "",
    "%ff",
    "%00",
    "limit%5B%5D",
]
ARGUMENTS = [
    "", "1", "0", "-1", "1000", "1001", "+1", "1.0", "%D9%A1", "1" * 5000, "99999999999999999999", "NaN", "x", "%00",
    "%ff", "%ED%A0%80", "%", "%zz", "a%00b", UNKNOWN_ID, "00000000-0000-0000-0000-000000000000", "2026-01-01", "2026",
    "2026-02-30",
    "0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59", "0000-01-01", "2026-01-01T00:00:00%2B99:99",
    "2026-01-01T00:00:60Z", "-2026-01-01", "20260101T000000Z", "%EF%BC%92026-01-01", "x" * 5000,
]  # fmt: skip
queries = st.one_of(
    st.lists(
        st.tuples(st.sampled_from(PARAMETERS), st.sampled_from(ARGUMENTS)).map("=".join), min_size=1, max_size=3
    ).map("&".join),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=30),
)
HEADER_VALUES = [
    "", " ", "*/*", "application/json", "application/*;q=0.5", "text/html", "application/json;q=0", "q=", ";;,,",
    "application/json; charset=utf-16", 'application/json; charset="utf-8"', "multipart/form-data; boundary=", "gzip",
    "identity", "chunked", "0", "1", "-1", "\xb2", "1" * 5000, "9" * 18, "abc", "1.0", "+1", "1 1", "a,b", "x" * 300,
    "bytes=0-", "\x00", "\xff", "\xed\xa0\x80", "none", "é", "../..", "<script>",
]  # fmt: skip
header_values = st.one_of(st.sampled_from(HEADER_VALUES), st.text(st.characters(max_codepoint=255), max_size=20))
HEADERS = [
    "Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Content-Encoding", "Content-Length",
    "Content-Type", "Cookie", "Expect", "Forwarded", "Host", "Idempotency-Key", "If-Match", "If-None-Match", "Origin",
    "Range", "Referer",
    "Transfer-Encoding", "X-Forwarded-For", "X-Forwarded-Proto", "X-Http-Method-Override", "X-Request-Id",
]  # fmt: skip
headers_of_requests = st.dictionaries(st.sampled_from(HEADERS), header_values, max_size=3)
