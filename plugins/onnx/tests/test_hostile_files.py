"""Files that are damaged, or made to hurt: each is refused or loaded, and ends no process."""

import random
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnx_samples
import pytest
from onnx import TensorProto, helper

from mlserve.errors import BundleError, MlserveError
from mlserve.testing import outcome_of
from mlserve_onnx.family import OnnxFamily
from mlserve_onnx.model_file import parse

FILES = 30
NUMBERS = (-(2**31), -1, 0, 1, 2, 7, 65536, 2**31 - 1, 2**40, -(2**63), 2**63 - 1)


def flipped(raw: bytes, chance: random.Random) -> bytes:
    data = bytearray(raw)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(data))
        if chance.random() < 0.7:
            data[at] ^= 1 << chance.randrange(8)
        else:
            data[at : at + chance.choice((0, 1, 4, 8))] = bytes(chance.choices((0, 1, 127, 255), k=4))
    return bytes(data)


def rewritten(raw: bytes, chance: random.Random) -> bytes:
    """Some number of the graph replaced by another: a size, a type, an attribute, or a weight."""
    model = onnx.load_from_string(raw)
    node = chance.choice(model.graph.node)
    values = [value.type.tensor_type for value in (*model.graph.input, *model.graph.output)]
    numbers = [tensor.dims for tensor in model.graph.initializer if tensor.dims]
    numbers += [attribute.ints for attribute in node.attribute if attribute.ints]
    for _ in range(chance.choice((1, 2))):
        what = chance.randrange(3)
        if what == 0 and numbers:
            held = chance.choice(numbers)
            held[chance.randrange(len(held))] = chance.choice(NUMBERS)
        elif what == 1:
            chance.choice(values).elem_type = chance.randrange(30)
        else:
            node.op_type = chance.choice(("Loop", "If", "Gather", "Reshape", "Conv", "LSTM", "ZipMap"))
    return model.SerializeToString()


def is_loaded(path: Path) -> bool:
    """Whether the file is loaded, as a server does it, and not refused."""
    family = OnnxFamily()
    try:
        family.load(path, family.inspect(path), {"threads": 1}).close()
    except MlserveError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("damage", [flipped, rewritten])
def test_damaged_files_end_no_process(tmp_path, damage):
    chance = random.Random(damage.__name__)
    raws = [onnx_samples.forest(tmp_path).read_bytes(), onnx_samples.linear().SerializeToString()]
    path = tmp_path / "damaged.onnx"
    outcomes: Counter[str] = Counter()
    for _ in range(FILES):
        path.write_bytes(damage(chance.choice(raws), chance))
        outcomes[outcome_of(partial(is_loaded, path))] += 1
    assert {*outcomes} == {"answered", "refused"}, outcomes


def elsewhere(location: str) -> onnx.TensorProto:
    tensor = onnx.numpy_helper.from_array(np.zeros(2, np.float32), "b")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "8")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return tensor


def inner(tensor: onnx.TensorProto) -> onnx.GraphProto:
    node = helper.make_node("Constant", [], ["c"], value=tensor)
    return helper.make_graph([node], "inner", [], [helper.make_tensor_value_info("c", TensorProto.FLOAT, [2])])


@pytest.mark.parametrize("location", ["weights.bin", "../../../etc/passwd", "*/_ORT_MEM_ADDR_/*"])
@pytest.mark.parametrize("where", ["initializer", "constant", "inner graph"])
def test_tensors_in_other_files_are_refused(tmp_path, family, location, where):
    tensor = elsewhere(location)
    model = onnx_samples.linear()
    if where == "initializer":
        model.graph.initializer[1].CopyFrom(tensor)
    elif where == "constant":
        model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))
    else:
        model.graph.node.append(
            helper.make_node("If", ["x"], ["c"], then_branch=inner(tensor), else_branch=inner(tensor))
        )
    path = onnx_samples.written(model, tmp_path)
    with pytest.raises(BundleError, match="lies in another file: save the model as one file"):
        family.inspect(path)


def test_tensors_that_are_declared_and_not_there_are_refused(tmp_path, family):
    model = onnx_samples.linear()
    model.graph.initializer[0].dims[0] = 10**12
    with pytest.raises(BundleError, match="declares 2000000000000 numbers"):
        family.inspect(onnx_samples.written(model, tmp_path))


def test_a_graph_that_is_there_twice_is_refused():
    raw = onnx_samples.linear().SerializeToString()
    with pytest.raises(ValueError, match="twice"):
        parse(raw + raw)


def test_the_runtime_s_own_format_is_refused():
    """A text can be placed so that the file is a sound protocol buffer, and something else to the runtime."""
    model = onnx_samples.linear()
    model.ClearField("ir_version")
    model.producer_name = "xxORTM" + "x" * 20
    raw = model.SerializeToString()
    assert raw[4:8] == b"ORTM"
    with pytest.raises(ValueError, match="ONNX Runtime's own format"):
        parse(raw)


@pytest.mark.parametrize(
    "raw", [b"", b"\x3a\xff\xff\xff\xff\x0f", b"\x3a\x02\x0b\x0c", b"\xff" * 20, b"\x00\x00", b"\x38\x01"]
)
def test_what_is_no_protocol_buffer_is_refused(raw):
    with pytest.raises(ValueError, match=r"."):
        parse(raw)


def test_graphs_in_graphs_without_end_are_refused():
    def nested(graph: bytes) -> bytes:
        for number in (6, 5, 1):  # attribute.g, node.attribute, graph.node
            size, head = len(graph), bytearray()
            while size >= 128:
                head.append(size & 127 | 128)
                size >>= 7
            graph = bytes([number << 3 | 2, *head, size]) + graph
        return graph

    raw = b""
    for _ in range(2000):
        raw = nested(raw)
    size = len(raw)
    head = bytearray()
    while size >= 128:
        head.append(size & 127 | 128)
        size >>= 7
    with pytest.raises(ValueError, match="nested too deep"):
        parse(bytes([7 << 3 | 2, *head, size]) + raw)


@pytest.mark.timeout(60)
def test_to_look_at_a_model_computes_nothing_of_it(tmp_path: Path) -> None:
    """Constants that would take the library minutes to fold: the start of a server waits for what a file says."""
    sizes = {"shape": np.array([4000, 4000], np.int64)}
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["m0"])]
    nodes += [helper.make_node("MatMul", [f"m{number}", f"m{number}"], [f"m{number + 1}"]) for number in range(200)]
    nodes += [
        helper.make_node("ReduceSum", ["m200"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    tensors = {"x": (TensorProto.FLOAT, ["n"])}, {"y": (TensorProto.FLOAT, ["n"])}
    path = onnx_samples.written(onnx_samples.model_of(nodes, *tensors, initializers=sizes), tmp_path)
    assert [field.name for field in OnnxFamily().inspect(path).inputs] == ["x"]
