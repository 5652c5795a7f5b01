import json

import numpy as np
from openapi_schema_validator import OAS31Validator

from mlserve.predictions.envelope import FIELDS
from mlserve.signature import Field, OutputEncoder, OutputField, Signature, body_json_schema, output_json_schema
from mlserve.signature.json_schema import kept_json_schema

SIGNATURE = Signature(
    (
        Field("carrier", "category", categories=("AA", "UA"), nullable=True),
        Field("dest", "category", categories=("ORD",), unknown="native"),
        Field("age", "int32", minimum=0, unit="years", description="Age.", example=4),
        Field("wind", "float64", required=False),
        Field("grid", "float32", shape=(2, 3)),
    ),
    (
        OutputField("probability", "float32", shape=(2,), categories=("no", "yes")),
        OutputField("label", "category", categories=("no", "yes"), threshold=0.5),
    ),
)


def test_body() -> None:
    schema = body_json_schema(SIGNATURE, 10)
    named, positional = schema["properties"]["instances"]["oneOf"]
    assert named["maxItems"] == positional["maxItems"] == 10
    fields = named["items"]["properties"]
    assert named["items"]["required"] == ["carrier", "dest", "age", "grid"]
    assert named["items"]["additionalProperties"] is False
    assert fields["carrier"] == {"type": ["string", "null"], "enum": ["AA", "UA", None]}
    assert "enum" not in fields["dest"]
    assert fields["dest"]["x-categories"] == ["ORD"]
    assert fields["age"] == {
        "type": "integer",
        "format": "int32",
        "minimum": 0,
        "maximum": 2**31 - 1,
        "description": "Age. Unit: years.",
        "x-unit": "years",
        "examples": [4],
    }
    assert fields["wind"] == {"type": ["number", "null"], "format": "double"}
    assert (fields["grid"]["minItems"], fields["grid"]["items"]["minItems"]) == (2, 3)
    assert [item["title"] for item in positional["items"]["prefixItems"]] == list(SIGNATURE.names)
    assert positional["items"]["minItems"] == positional["items"]["maxItems"] == 5
    assert schema["properties"]["columns"]["properties"]["age"]["items"] == fields["age"]
    assert schema["oneOf"] == [{"required": ["instances"]}, {"required": ["columns"]}]


def test_the_envelope_is_closed() -> None:
    schema = body_json_schema(SIGNATURE, 10)
    assert schema["additionalProperties"] is False
    assert schema["properties"]["reference"]["maxLength"] == 255
    assert schema["properties"]["parameters"]["maxProperties"] == 0
    assert set(schema["properties"]) == set(FIELDS)


def test_outputs() -> None:
    schema = output_json_schema(SIGNATURE)
    assert schema["required"] == ["probability", "label"]
    fields = schema["properties"]
    assert set(fields["probability"]["properties"]) == {"no", "yes"}
    assert fields["probability"]["properties"]["no"]["type"] == ["number", "null"]
    assert fields["label"] == {"type": "string", "enum": ["no", "yes"], "x-threshold": 0.5}


def test_a_number_that_json_cannot_write_is_null_where_the_encoder_writes_it() -> None:
    outputs = (
        OutputField("floats", "float32", shape=(2,), unit="m", description="Sizes."),
        OutputField("count", "int64"),
        OutputField("counts", "int32", shape=(2,)),
        OutputField("votes", "int32", shape=(2,), categories=("no", "yes")),
        OutputField("names", "string", shape=(1,)),
    )
    arrays = {
        "floats": np.array([[np.nan, 1.0]]),
        "count": np.array([np.nan]),
        "counts": np.array([[np.nan, 1.0]]),
        "votes": np.array([[np.nan, 1.0]]),
        "names": np.array([["a"]], dtype=object),
    }
    signature = Signature((Field("x", "float32"),), outputs)
    text, _ = OutputEncoder(signature).encode(arrays, 1)
    schema = output_json_schema(signature)
    (written,) = json.loads(text)
    assert written == {
        "floats": [None, 1.0],
        "count": None,
        "counts": [None, 1],
        "votes": {"no": None, "yes": 1},
        "names": ["a"],
    }
    assert [error.message for error in OAS31Validator(schema).iter_errors(written)] == []
    assert schema["properties"]["floats"]["description"] == "Sizes. Unit: m."
    whole = [{"floats": None}, {"counts": None}, {"names": None}]
    for wrong in (*whole, {"names": [None]}, {"count": 1.5}, {"votes": {"no": 1}}):
        assert not OAS31Validator(schema).is_valid({**written, **wrong})


def test_what_is_kept_has_no_bounds_and_says_how_it_is_kept() -> None:
    kept = kept_json_schema(
        Signature(
            (
                Field("age", "float32", maximum=0.7, unit="years"),
                Field("email", "string", keep="hash"),
                Field("name", "string", keep="omit"),
            ),
            (),
        )
    )
    assert kept["required"] == ["age", "email"]
    assert kept["properties"]["age"] == {
        "type": "number",
        "format": "float",
        "description": "Unit: years.",
        "x-unit": "years",
    }
    assert kept["properties"]["email"] == {"type": ["string", "null"], "pattern": "^sha256:[0-9a-f]{64}$"}


def test_bytes_images_and_any_size() -> None:
    signature = Signature(
        (Field("photo", "image", shape=(4, 4, 3), nullable=True), Field("rows", "uint64", shape=(-1, 2))),
        (OutputField("file", "bytes"), OutputField("rows", "float16", shape=(-1,))),
    )
    (named, _) = body_json_schema(signature, 10)["properties"]["instances"]["oneOf"]
    photo, rows = named["items"]["properties"].values()
    assert (photo["type"], photo["contentEncoding"], photo["contentMediaType"]) == (
        ["string", "null"],
        "base64",
        "image/*",
    )
    assert rows == {
        "type": "array",
        "items": {
            "type": "array",
            "items": {"type": "integer", "format": "uint64", "minimum": 0, "maximum": 2**64 - 1},
            "minItems": 2,
            "maxItems": 2,
        },
    }
    outputs = output_json_schema(signature)["properties"]
    assert outputs["file"]["contentMediaType"] == "application/octet-stream"
    assert outputs["rows"] == {"type": "array", "items": {"type": ["number", "null"], "format": "float16"}}
    answer = {"file": np.array([b"a\0"], object), "rows": [np.array([np.nan, 1])]}
    (written,) = json.loads(OutputEncoder(signature).encode(answer, 1)[0])
    assert written == {"file": "YQA=", "rows": [None, 1.0]}
    assert OAS31Validator(output_json_schema(signature)).is_valid(written)
