"""From a file to a signature, and answers that are ONNX Runtime's own."""

import io
import json

import numpy as np
import onnx
import onnx_samples
import onnxruntime
import pytest
from onnx import TensorProto, helper
from PIL import Image

from mlserve.errors import BundleError, SignatureError
from mlserve.signature import Batch, Decoder, Field, OutputField, Signature, complete
from mlserve_onnx.bfloat import cut, widen

CHANCE = np.random.default_rng(5)
FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
FOREIGN = onnx_samples.model_of(
    [helper.make_node("Foo", ["x"], ["y"], domain="acme")], {"x": (FLOAT, [1])}, {"y": (FLOAT, [1])}
)


def asked(path, **inputs):
    """The outputs of a plain session."""
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, inputs)


def decoded(signature, instances):
    return Decoder(signature, max_instances=1000, max_problems=3).decode(json.dumps(instances).encode(), None)


def png(pixels):
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return held.getvalue()


@pytest.mark.parametrize("rows", ["n", None])
def test_a_first_axis_of_any_size_counts_the_instances(tmp_path, family, load, rows):
    path = onnx_samples.written(onnx_samples.linear(rows), tmp_path)
    signature = family.inspect(path)
    assert signature == Signature((Field("x", "float32", shape=(3,)),), (OutputField("y", "float32", shape=(2,)),))
    features = CHANCE.normal(size=(50, 3)).astype(np.float32)
    predictor = load(path)
    assert predictor.info()["instance"].startswith("one row")
    answer = predictor.predict(Batch.from_columns(signature, {"x": features}))
    assert answer["y"].tobytes() == asked(path, x=features)[0].tobytes()


def test_a_first_axis_of_one_is_left_out(tmp_path, family, load):
    path = onnx_samples.written(onnx_samples.linear(1), tmp_path)
    features = CHANCE.normal(size=(4, 3)).astype(np.float32)
    answer = load(path).predict(Batch.from_columns(family.inspect(path), {"x": features}))
    expected = np.concatenate([asked(path, x=row[None])[0] for row in features])
    assert answer["y"].tobytes() == expected.tobytes()


def test_any_other_model_is_asked_with_whole_tensors(tmp_path, family, load):
    path = onnx_samples.written(onnx_samples.linear(4), tmp_path)
    assert family.inspect(path).inputs == (Field("x", "float32", shape=(4, 3)),)
    tensors = CHANCE.normal(size=(2, 4, 3)).astype(np.float32)
    answer = load(path).predict(Batch.from_columns(family.inspect(path), {"x": tensors}))
    assert answer["y"].tobytes() == np.stack([asked(path, x=tensor)[0] for tensor in tensors]).tobytes()


def test_the_file_s_own_property_says_what_an_instance_is(tmp_path, family):
    whole = onnx_samples.linear(metadata={"mlserve_instance": "whole"})
    assert family.inspect(onnx_samples.written(whole, tmp_path)).inputs[0].shape == (-1, 3)
    wrong = onnx_samples.linear(4, metadata={"mlserve_instance": "rows"})
    with pytest.raises(SignatureError, match="contradict"):
        family.inspect(onnx_samples.written(wrong, tmp_path))
    unknown = onnx_samples.linear(metadata={"mlserve_instance": "batch"})
    with pytest.raises(SignatureError, match="must be rows, one, whole"):
        family.inspect(onnx_samples.written(unknown, tmp_path))


def test_axes_of_other_names_do_not_count_the_same(tmp_path, family):
    nodes = [helper.make_node("MatMul", ["x", "y"], ["z"])]
    model = onnx_samples.model_of(nodes, {"x": (FLOAT, ["n", 3]), "y": (FLOAT, ["m", 2])}, {"z": (FLOAT, ["n", 2])})
    assert [field.shape for field in family.inspect(onnx_samples.written(model, tmp_path)).inputs] == [(-1, 3), (-1, 2)]


def test_sizes_that_vary_are_asked_together_where_they_agree(tmp_path, family, load):
    nodes = [helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0, axes=[1]), helper.make_node("Neg", ["x"], ["z"])]
    model = onnx_samples.model_of(
        nodes, {"x": (FLOAT, ["n", "length"])}, {"y": (FLOAT, ["n"]), "z": (FLOAT, ["n", "length"])}, opset=11
    )
    path = onnx_samples.written(model, tmp_path)
    signature = family.inspect(path)
    answer = load(path).predict(decoded(signature, [{"x": [1, 2]}, {"x": [3]}, {"x": [4, 5]}, {"x": []}]))
    assert answer["y"].tolist() == [3, 3, 9, 0]
    assert [row.tolist() for row in answer["z"]] == [[-1, -2], [-3], [-4, -5], []]


@pytest.mark.parametrize(
    ("element", "type_"),
    [
        (TensorProto.FLOAT16, "float16"),
        (TensorProto.BFLOAT16, "float32"),
        (TensorProto.DOUBLE, "float64"),
        (TensorProto.INT8, "int8"),
        (TensorProto.UINT16, "uint16"),
        (TensorProto.UINT64, "uint64"),
        (TensorProto.BOOL, "bool"),
        (TensorProto.STRING, "string"),
    ],
)
def test_every_element_type(tmp_path, family, load, element, type_):
    path = onnx_samples.written(onnx_samples.same(element, ["n", 2]), tmp_path)
    signature = family.inspect(path)
    assert (signature.inputs[0].type, signature.outputs[0].type) == (type_, type_)
    value = {"bool": [True, False], "string": ["a", "Zürich\n"]}.get(type_, [1, 100])
    answer = load(path).predict(decoded(signature, [{"x": value}] * 3))
    assert answer["y"].tolist() == [value] * 3


def test_bfloat16_is_the_nearest(tmp_path):
    numbers = np.array([1, 1.00390625, 1.01171875, -3.4e38, np.inf, np.nan, 1e-40], np.float32)
    assert widen(cut(numbers))[:3].tolist() == [1.0, 1.0, 1.015625]  # Halves go to the even one.
    assert np.isnan(widen(cut(numbers))[5])
    assert widen(cut(np.array(2.5, np.float32))).shape == ()


@pytest.mark.parametrize("texts", [True, False])
def test_maps_of_scikit_learn_are_scores_by_class(tmp_path, family, load, texts):
    path = onnx_samples.forest(tmp_path, texts=texts)
    signature = family.inspect(path)
    label, scores = signature.outputs
    assert label.type == ("string" if texts else "int64")
    assert scores.categories == (("apple", "banana", "cherry") if texts else ("3", "5", "7"))
    features = CHANCE.normal(size=(30, 3)).astype(np.float32)
    answer = load(path).predict(Batch.from_columns(signature, {"X": features}))
    labels, maps = asked(path, X=features)
    assert answer["output_label"].tolist() == list(labels)
    assert answer["output_probability"].tolist() == [[row[key] for key in sorted(row)] for row in maps]


def test_a_sidecar_names_the_columns_of_a_matrix(tmp_path, family, load):
    path = onnx_samples.contract_artefact(tmp_path)
    sidecar = json.loads(path.with_name("model.onnx.signature.json").read_text())
    signature = complete(family.inspect(path), sidecar)
    assert signature.names == onnx_samples.COLUMNS
    instances = [dict(zip(onnx_samples.COLUMNS, map(float, row), strict=True)) for row in CHANCE.normal(size=(9, 3))]
    answer = load(path, signature).predict(decoded(signature, instances))
    expected = onnx_samples.library_answers(path, instances)
    assert answer["output_label"].tolist() == expected["output_label"].tolist()
    assert answer["output_probability"].tobytes() == expected["output_probability"].tobytes()


def test_columns_of_doubles_and_categories(tmp_path, family, load):
    path = onnx_samples.written(onnx_samples.same(TensorProto.DOUBLE, [None, 2]), tmp_path)
    inputs = [{"name": "exact"}, {"name": "city", "type": "category", "categories": ["Oslo", "Riga"], "nullable": True}]
    signature = complete(family.inspect(path), {"inputs": inputs})
    answer = load(path, signature).predict(
        decoded(signature, [{"exact": 0.1, "city": "Riga"}, {"exact": 1, "city": None}])
    )
    assert answer["y"][0].tolist() == [0.1, 1.0]
    assert np.isnan(answer["y"][1, 1])


def test_a_data_frame_s_columns_are_one_value_each(tmp_path, family, load):
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in ("age", "city")]
    model = onnx_samples.model_of(
        nodes,
        {"age": (FLOAT, [None, 1]), "city": (STRING, [None, 1])},
        {"age_out": (FLOAT, [None, 1]), "city_out": (STRING, [None, 1])},
    )
    path = onnx_samples.written(model, tmp_path)
    signature = family.inspect(path)
    assert [(field.name, field.type, field.shape) for field in signature.inputs] == [
        ("age", "float32", ()),
        ("city", "string", ()),
    ]
    answer = load(path).predict(decoded(signature, [{"age": 3, "city": "Oslo"}, {"age": 4, "city": "Riga"}]))
    assert answer["age_out"].tolist() == [[3], [4]]
    assert answer["city_out"].tolist() == [["Oslo"], ["Riga"]]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, lambda pixels: pixels),
        ({"Image.NominalPixelRange": "Normalized_0_1"}, lambda pixels: pixels / np.float32(255)),
        ({"Image.NominalPixelRange": "Normalized_1_1"}, lambda pixels: pixels / np.float32(127.5) - np.float32(1)),
        ({"Image.BitmapPixelFormat": "Bgr8"}, lambda pixels: pixels[::-1]),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_pictures_are_the_tensors_that_the_file_says(tmp_path, family, load, metadata, expected, first):
    shape = ["n", 3, 5, 4] if first else ["n", 5, 4, 3]
    path = onnx_samples.written(onnx_samples.same(FLOAT, shape, metadata=metadata), tmp_path)
    signature = complete(family.inspect(path), {"inputs": [{"name": "x", "type": "image"}]})
    assert signature.inputs[0].shape == (5, 4, 3)
    pixels = CHANCE.integers(0, 256, size=(5, 4, 3), dtype=np.uint8)
    batch = Decoder(signature, max_instances=9, max_problems=3).decode_arrays({"x": [png(pixels)] * 2})
    answer = load(path, signature).predict(batch)["y"]
    tensor = expected(np.moveaxis(pixels, -1, 0).astype(np.float32))
    assert np.array_equal(answer[1], tensor if first else np.moveaxis(tensor, 0, -1))


def test_pictures_may_keep_their_own_size(tmp_path, family, load):
    path = onnx_samples.written(onnx_samples.same(TensorProto.UINT8, ["n", 3, "h", "w"]), tmp_path)
    signature = complete(family.inspect(path), {"inputs": [{"name": "x", "type": "image"}]})
    pixels = [CHANCE.integers(0, 256, size=(height, 4, 3), dtype=np.uint8) for height in (5, 2, 5)]
    batch = Decoder(signature, max_instances=9, max_problems=3).decode_arrays({"x": [*map(png, pixels)]})
    answer = load(path, signature).predict(batch)["y"]
    assert all(np.array_equal(np.moveaxis(a, 0, -1), b) for a, b in zip(answer, pixels, strict=True))


def test_a_picture_of_unknown_range_is_refused(tmp_path, family, load):
    model = onnx_samples.same(FLOAT, ["n", 3, 5, 4], metadata={"Image.NominalPixelRange": "NominalRange_16_235"})
    path = onnx_samples.written(model, tmp_path)
    signature = complete(family.inspect(path), {"inputs": [{"name": "x", "type": "image"}]})
    with pytest.raises(SignatureError, match="NominalPixelRange"):
        load(path, signature)


def test_labels_are_made_of_scores(tmp_path, family, load):
    path = onnx_samples.written(onnx_samples.linear(), tmp_path)
    label = {"name": "label", "type": "category", "categories": ["no", "yes"]}
    features = CHANCE.normal(size=(20, 3)).astype(np.float32)
    for threshold in (None, 0.25):
        said = label if threshold is None else {**label, "threshold": threshold}
        signature = complete(family.inspect(path), {"outputs": [said]})
        answer = load(path, signature).predict(Batch.from_columns(signature, {"x": features}))
        scores = answer["y"]
        expected = scores.argmax(axis=1) if threshold is None else scores[:, 1] >= threshold
        assert answer["label"].tolist() == expected.astype(int).tolist()


def test_inputs_that_the_file_answers_itself_are_no_inputs(tmp_path, family):
    model = onnx_samples.linear()
    model.graph.input.append(helper.make_tensor_value_info("b", FLOAT, [2]))
    assert family.inspect(onnx_samples.written(model, tmp_path)).names == ("x",)


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (Signature((Field("x", "float32", shape=(4,)),), (OutputField("y", "float32", shape=(2,)),)), "has the shape"),
        (Signature((Field("x", "string", shape=(3,)),), (OutputField("y", "float32", shape=(2,)),)), "is string"),
        (
            Signature((Field("x", "float32", shape=(3,)),), (OutputField("z", "float32", shape=(2,)),)),
            "begin with them",
        ),
        (Signature((Field("x", "float32", shape=(3,)),), (OutputField("y", "int64", shape=(2,)),)), "gives float32"),
        (Signature((Field("x", "float32", shape=(3,)),), (OutputField("y", "float32"),)), "has the shape"),
        (Signature((Field("a", "float32"), Field("b", "float32")), (OutputField("y", "float32"),)), "begin with|shape"),
    ],
)
def test_signatures_that_the_model_cannot_answer_are_refused(tmp_path, load, signature, words):
    path = onnx_samples.written(onnx_samples.linear(), tmp_path)
    with pytest.raises(SignatureError, match=words):
        load(path, signature)


@pytest.mark.parametrize(("element", "dtype"), [(FLOAT, np.float32), (TensorProto.DOUBLE, np.float64)])
@pytest.mark.parametrize(("type_", "value"), [("int64", 3), ("bool", True)])
def test_what_is_missing_is_nan_whatever_its_type(tmp_path, family, load, element, dtype, type_, value):
    path = onnx_samples.written(onnx_samples.same(element, ["n"]), tmp_path)
    signature = complete(family.inspect(path), {"inputs": [{"name": "x", "type": type_, "nullable": True}]})
    answer = load(path, signature).predict(decoded(signature, [{"x": None}, {"x": value}]))["y"]
    assert answer.tobytes() == np.array([np.nan, value], dtype).tobytes()
    path = onnx_samples.written(onnx_samples.same(element, ["n", 2]), tmp_path)
    inputs = [{"name": "a", "type": type_, "nullable": True}, {"name": "b"}]
    signature = complete(family.inspect(path), {"inputs": inputs})
    answer = load(path, signature).predict(decoded(signature, [{"a": None, "b": 1}, {"a": value, "b": 2}]))["y"]
    assert answer.tobytes() == np.array([[np.nan, 1], [value, 2]], dtype).tobytes()


@pytest.mark.parametrize(("element", "type_"), [(TensorProto.INT8, "int64"), (INT64, "float64"), (FLOAT, "float64")])
def test_types_that_would_lose_values_are_refused(tmp_path, family, load, element, type_):
    path = onnx_samples.written(onnx_samples.same(element, ["n"]), tmp_path)
    with pytest.raises(SignatureError, match=f"is {type_}, and the model takes it as"):
        load(path, Signature((Field("x", type_),), family.inspect(path).outputs))


def test_what_is_missing_must_be_a_float(tmp_path, load):
    path = onnx_samples.written(onnx_samples.same(INT64, ["n"]), tmp_path)
    signature = Signature((Field("x", "int64", nullable=True),), (OutputField("y", "int64"),))
    with pytest.raises(SignatureError, match="may be missing"):
        load(path, signature)


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        (onnx_samples.same(FLOAT, None), SignatureError, "any number of axes"),
        (onnx_samples.same(TensorProto.COMPLEX64, ["n"]), (SignatureError, BundleError), "complex64|cannot load"),
        (onnx_samples.same(FLOAT, ["n", 10**9]), SignatureError, "more than"),
        (FOREIGN, BundleError, "acme"),
        (onnx_samples.same(FLOAT, ["n"], opset=99), BundleError, "cannot load .* opset|[Oo]pset"),
    ],
)
def test_models_that_cannot_be_served_are_refused_in_a_sentence(tmp_path, family, model, error, words):
    with pytest.raises(error, match=words) as refused:
        family.inspect(onnx_samples.written(model, tmp_path))
    assert "\n" not in str(refused.value)


def test_a_live_model_is_saved_and_asked_again(tmp_path, family):
    model = onnx_samples.linear()
    path = family.save(model, tmp_path)
    assert onnx.load(path) == model
    assert family.save(object(), tmp_path) is None
    batch = Batch.from_columns(family.inspect(path), {"x": np.ones((3, 3), np.float32)})
    assert (
        family.reference(path, family.inspect(path), batch)["y"].tobytes()
        == asked(path, x=np.ones((3, 3), np.float32))[0].tobytes()
    )
