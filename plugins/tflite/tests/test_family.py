"""From a file to a signature, and answers that are the interpreter's own."""

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tflite_samples
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from mlserve.errors import BundleError, Invalid, SignatureError
from mlserve.signature import Batch, Decoder, Field, OutputField, Signature, complete
from mlserve_tflite.notes import notes_of
from mlserve_tflite.probe import Tensor
from mlserve_tflite.tensors import dequantized, quantized

CHANCE = np.random.default_rng(8)


def asked(path, *arrays):
    """The first output of a fresh interpreter."""
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    for details, array in zip(interpreter.get_input_details(), arrays, strict=True):
        interpreter.resize_tensor_input(details["index"], array.shape)
    interpreter.allocate_tensors()
    for details, array in zip(interpreter.get_input_details(), arrays, strict=True):
        interpreter.set_tensor(details["index"], array)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def png(pixels):
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return held.getvalue()


def pictures(signature, arrays):
    decoder = Decoder(signature, max_instances=1000, max_problems=3)
    return decoder.decode_arrays({signature.names[0]: [png(array) for array in arrays]})


def test_a_signature_def_names_the_tensors_and_a_batch_is_one_run(tmp_path, load, family):
    path = tflite_samples.dense(tmp_path)
    assert family.inspect(path) == Signature(
        (Field("features", "float32", shape=(3,)),), (OutputField("probability", "float32", shape=(2,)),)
    )
    rows = CHANCE.normal(size=(7, 3)).astype(np.float32)
    answer = load(path).predict(Batch.from_columns(family.inspect(path), {"features": rows}))
    assert answer["probability"].tobytes() == asked(path, rows).tobytes()


def test_many_rows_are_asked_in_pieces(tmp_path, load, family):
    path = tflite_samples.dense(tmp_path)
    rows = CHANCE.normal(size=(600, 3)).astype(np.float32)
    answer = load(path).predict(Batch.from_columns(family.inspect(path), {"features": rows}))
    np.testing.assert_allclose(answer["probability"], asked(path, rows), rtol=1e-6)


def test_one_row_models_are_asked_row_by_row(tmp_path, load, family):
    path = tflite_samples.dense(tmp_path, rows=1)
    rows = CHANCE.normal(size=(5, 3)).astype(np.float32)
    answer = load(path).predict(Batch.from_columns(family.inspect(path), {"features": rows}))
    expected = np.concatenate([asked(path, row[None]) for row in rows])
    assert answer["probability"].tobytes() == expected.tobytes()


@pytest.mark.parametrize("type_", ["int8", "uint8"])
def test_quantised_tensors_are_real_numbers(tmp_path, load, family, type_):
    path = tflite_samples.quantized(tmp_path, type_)
    signature = family.inspect(path)
    assert [field.type for field in (*signature.inputs, *signature.outputs)] == ["float32"] * 3
    x, y = np.array([[1, -2, 30, 1e9]], np.float32), np.array([[0.25, 0.5, -1, 0]], np.float32)
    answer = load(path).predict(Batch.from_columns(signature, {"x": x, "y": y}))
    zero, info = (0 if type_ == "int8" else 128), np.iinfo(type_)
    raw = [
        np.clip(np.round(array / scale) + zero, info.min, info.max).astype(type_)
        for array, scale in ((x, 0.5), (y, 0.25))
    ]
    expected = (asked(path, *raw).astype(np.float32) - zero) * np.float32(0.75)
    assert answer["total"].tobytes() == expected.tobytes()
    assert answer["total"][0, 0] == 1.5


def test_quantised_numbers_are_rounded_away_from_zero():
    tensor = Tensor("x", 0, (1,), "int8", 1.0, 3)
    assert quantized(tensor, np.array([0.5, -0.5, 1.4, 1000, -1000])).tolist() == [4, 2, 4, 127, -128]
    assert dequantized(tensor, np.array([127, -128], np.int8)).tolist() == [124, -131]


def test_metadata_makes_a_picture_of_the_input_and_labels_of_the_scores(tmp_path, load, family):
    path = tflite_samples.picture(tmp_path)
    signature = family.inspect(path)
    assert signature.inputs == (Field("pixels", "image", shape=(8, 6, 3)),)
    assert signature.outputs[0].categories == ("dark", "light")
    arrays = [CHANCE.integers(0, 256, size=(8, 6, 3), dtype=np.uint8) for _ in range(4)]
    answer = load(path).predict(pictures(signature, arrays))
    for array, scores in zip(arrays, answer["scores"], strict=True):
        tensor = (array.astype(np.float32)[None] - np.float32(127.5)) / np.float32(127.5)
        assert scores.tobytes() == asked(path, tensor).tobytes()


def test_a_sidecar_makes_a_picture_where_the_file_says_nothing(tmp_path, load, family):
    path = tflite_samples.picture(tmp_path, labels=None, image=False)
    label = {"name": "label", "type": "category", "categories": ["dark", "light"]}
    signature = complete(family.inspect(path), {"inputs": [{"name": "pixels", "type": "image"}], "outputs": [label]})
    array = CHANCE.integers(0, 256, size=(8, 6, 3), dtype=np.uint8)
    answer = load(path, signature).predict(pictures(signature, [array]))
    expected = asked(path, array.astype(np.float32)[None])
    assert answer["scores"].tobytes() == expected.tobytes()
    assert answer["label"].tolist() == expected.argmax(axis=1).tolist()


def test_pictures_of_bytes_are_fed_as_they_are(tmp_path, load, family):
    array = CHANCE.integers(0, 256, size=(8, 6, 3), dtype=np.uint8)
    path = tflite_samples.picture(tmp_path, "uint8", quantization=(1 / 128, 128))
    answer = load(path).predict(pictures(family.inspect(path), [array]))
    assert answer["scores"].tobytes() == asked(path, array[None]).tobytes()


def test_pictures_of_signed_bytes_are_normalised_and_quantised(tmp_path, load, family):
    array = CHANCE.integers(0, 256, size=(8, 6, 3), dtype=np.uint8)
    path = tflite_samples.picture(tmp_path, "int8", quantization=(1 / 127.5, 0))
    answer = load(path).predict(pictures(family.inspect(path), [array]))
    real = (array.astype(np.float32) - np.float32(127.5)) / np.float32(127.5)
    raw = np.clip(np.copysign(np.floor(np.abs(real * 127.5) + 0.5), real), -128, 127).astype(np.int8)
    np.testing.assert_allclose(answer["scores"], asked(path, raw[None]), atol=0.01)


def test_sizes_that_vary_are_asked_one_by_one(tmp_path, load, family):
    path = tflite_samples.doubled(tmp_path, [1, -1])
    signature = family.inspect(path)
    assert signature.inputs[0].shape == (-1,)
    predictor = load(path)
    decoder = Decoder(signature, max_instances=10, max_problems=3)
    batch = decoder.decode(json.dumps([{"x": [1, 2, 3]}, {"x": [4]}]).encode(), None)
    assert [answer.tolist() for answer in predictor.predict(batch)["y"]] == [[2, 4, 6], [8]]
    with pytest.raises(Invalid, match="hold nothing"):
        predictor.predict(decoder.decode(b'[{"x": []}]', None))


def test_threads_have_interpreters_of_their_own(tmp_path, load, family):
    path = tflite_samples.doubled(tmp_path, [1, 500])
    predictor, signature = load(path), family.inspect(path)

    def ask(number):
        row = np.full((1, 500), number, np.float32)
        return [predictor.predict(Batch.from_columns(signature, {"x": row}))["y"][0, -1] for _ in range(50)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert answers == [[2.0 * number] * 50 for number in range(8)]


def test_labels_are_each_there_once(tmp_path, family):
    path = tflite_samples.picture(tmp_path, labels="crane\ncrane\n")
    assert family.inspect(path).outputs[0].categories == ("crane", "crane (2)")


def test_labels_that_do_not_fit_the_scores_are_left_out(tmp_path, family):
    path = tflite_samples.picture(tmp_path, labels="one\ntwo\nthree\n")
    assert family.inspect(path).outputs[0].categories == ()


def test_a_missing_file_of_labels_is_refused(tmp_path, family):
    path = tflite_samples.picture(tmp_path)
    with zipfile.ZipFile(path) as archive:
        start = archive.infolist()[0].header_offset
    path.write_bytes(path.read_bytes()[:start])
    with pytest.raises(BundleError, match=r"labels\.txt"):
        family.inspect(path)


@pytest.mark.parametrize(("type_", "value"), [("int64", 3), ("bool", True)])
def test_what_is_missing_is_nan_whatever_its_type(tmp_path, load, family, type_, value):
    def answers(path, inputs, instances):
        signature = complete(family.inspect(path), {"inputs": inputs})
        batch = Decoder(signature, max_instances=9, max_problems=3).decode(json.dumps(instances).encode(), None)
        return load(path, signature).predict(batch)["y"]

    one = {"name": "x", "type": type_, "nullable": True}
    found = answers(tflite_samples.doubled(tmp_path, [-1]), [one], [{"x": None}, {"x": value}])
    assert found.tobytes() == np.array([np.nan, 2 * value], np.float32).tobytes()
    columns = [{**one, "name": "a"}, {"name": "b"}]
    instances = [{"a": None, "b": 1}, {"a": value, "b": 2}]
    found = answers(tflite_samples.doubled(tmp_path, [-1, 2]), columns, instances)
    assert found.tobytes() == np.array([[np.nan, 2], [2 * value, 4]], np.float32).tobytes()


def test_columns_of_a_quantised_tensor_are_quantised(tmp_path, load, family):
    graph = tflite_samples.Graph()
    x, y = (graph.tensor(name, [1, 2], "int8", quantization=(0.5, 3)) for name in "xy")
    options = tflite_samples.schema.AddOptionsT()
    graph.node(tflite_samples.OPERATORS.ADD, [x, x], [y], tflite_samples.OPTIONS.AddOptions, options)
    path = graph.written(tmp_path, [x], [y])
    columns = [{"name": "a"}, {"name": "b", "type": "int32"}]
    signature = complete(family.inspect(path), {"inputs": columns})
    answer = load(path, signature).predict(Batch.from_rows(signature, [(1.5, 4)]))
    assert answer["y"].tolist() == [[3.0, 8.0]]
    nullable = complete(family.inspect(path), {"inputs": [{**columns[0], "nullable": True}, columns[1]]})
    with pytest.raises(SignatureError, match="may be missing, for which int8 has no value"):
        load(path, nullable)


def test_types_that_would_lose_values_are_refused(tmp_path, load, family):
    path = tflite_samples.doubled(tmp_path, [1, 2], "int32")
    signature = family.inspect(path)
    with pytest.raises(SignatureError, match="is float32, and the model takes it as int32"):
        load(path, Signature((Field("x", "float32", shape=(2,)),), signature.outputs))


def test_what_the_model_cannot_answer_is_refused(tmp_path, load, family):
    path = tflite_samples.quantized(tmp_path)
    signature = family.inspect(path)
    nullable = Signature((Field("x", "float32", shape=(4,), nullable=True), signature.inputs[1]), signature.outputs)
    with pytest.raises(SignatureError, match="may be missing"):
        load(path, nullable)
    with pytest.raises(SignatureError, match="inputs are 'x', 'y', not 'x'"):
        load(path, Signature(signature.inputs[:1], signature.outputs))
    with pytest.raises(SignatureError, match="does not begin with them"):
        load(path, Signature(signature.inputs, (OutputField("other", "float32", shape=(4,)),)))


def test_a_converted_model_is_saved_and_asked_again(tmp_path, family):
    raw = tflite_samples.dense(tmp_path).read_bytes()
    (tmp_path / "saved").mkdir()
    path = family.save(raw, tmp_path / "saved")
    assert path.read_bytes() == raw
    assert family.save(b"anything else", tmp_path) is None
    batch = Batch.from_columns(family.inspect(path), {"features": np.ones((3, 3), np.float32)})
    reference = family.reference(path, family.inspect(path), batch)
    np.testing.assert_allclose(reference["probability"], asked(path, np.ones((3, 3), np.float32)), rtol=1e-6)


def test_the_notes_tell_the_name(tmp_path):
    assert notes_of(tflite_samples.picture(tmp_path).read_bytes()).name == "Brightness"
