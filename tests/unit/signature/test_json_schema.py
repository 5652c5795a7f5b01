from mlserve.signature import Field, OutputField, Signature, body_json_schema, output_json_schema

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


def test_outputs() -> None:
    fields = output_json_schema(SIGNATURE)["properties"]
    assert set(fields["probability"]["properties"]) == {"no", "yes"}
    assert fields["label"] == {"type": "string", "enum": ["no", "yes"], "x-threshold": 0.5}
