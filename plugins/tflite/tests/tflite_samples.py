"""TensorFlow Lite models, built from the library's own schema: there is no TensorFlow here.

`contract_artefact` and `library_answers` are what the tests that are true of every family ask for.
"""

import base64
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int32": schema.TensorType.INT32,
    "string": schema.TensorType.STRING,
}
OPERATORS = schema.BuiltinOperator
OPTIONS = schema.BuiltinOptions
HEIGHT, WIDTH, LABELS = 8, 6, ("dark", "light")


class Graph:
    """One model, grown tensor by tensor and node by node."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version, self.model.description = 3, "made for a test"
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes, self.model.metadata, self.model.signatureDefs = [], [], []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        type_: str = "float32",
        *,
        data: np.ndarray | None = None,
        quantization: tuple[float, int] | None = None,
    ) -> int:
        """Its index. A size of -1 is any; `quantization` is scale and zero point."""
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.buffer = name, TYPES[type_], 0
        tensor.shape = [abs(size) for size in shape]
        if -1 in shape:
            tensor.shapeSignature = list(shape)
        if quantization is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [quantization[0]], [quantization[1]]
        if data is not None:
            tensor.buffer = self.buffer(data.tobytes())
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def buffer(self, data: bytes) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def node(self, operator: int, inputs: Sequence[int], outputs: Sequence[int], kind: int = 0, options: Any = None):
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = operator, min(operator, 127), 1
        self.model.operatorCodes.append(code)
        node = schema.OperatorT()
        node.opcodeIndex = len(self.model.operatorCodes) - 1
        node.inputs, node.outputs = list(inputs), list(outputs)
        node.builtinOptionsType, node.builtinOptions = kind, options
        self.graph.operators.append(node)

    def signature(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        signature.inputs, signature.outputs = _maps(inputs), _maps(outputs)
        self.model.signatureDefs.append(signature)

    def metadata(self, content: bytes) -> None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = "TFLITE_METADATA", self.buffer(content)
        self.model.metadata.append(entry)

    def written(
        self, folder: Path, inputs: Sequence[int], outputs: Sequence[int], files: Mapping[str, str] = {}
    ) -> Path:
        """The file; `files` stand in a ZIP archive at its end."""
        self.graph.inputs, self.graph.outputs = list(inputs), list(outputs)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        raw = bytes(builder.Output())
        if files:
            held = io.BytesIO(raw)
            with zipfile.ZipFile(held, "a") as archive:
                for name, text in files.items():
                    archive.writestr(name, text)
            raw = held.getvalue()
        path = folder / "model.tflite"
        path.write_bytes(raw)
        return path


def _maps(names: Mapping[str, int]) -> list[Any]:
    maps = []
    for name, index in names.items():
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name, index
        maps.append(entry)
    return maps


def metadata_of(*, image: bool, mean: Sequence[float], std: Sequence[float], labels: Sequence[str | None]) -> bytes:
    """TensorFlow Lite's metadata of one input, and of an output for each of `labels`, the name of its file or None.

    By the numbers of its schema's fields.
    """
    builder = flatbuffers.Builder(256)

    def table(fields: Mapping[int, tuple[str, Any]]) -> int:
        builder.StartObject(8)
        for field, (kind, value) in fields.items():
            if kind == "offset":
                builder.PrependUOffsetTRelativeSlot(field, value, 0)
            else:
                builder.PrependUint8Slot(field, value, 0)
        return builder.EndObject()

    def vector(offsets: Sequence[int]) -> int:
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()

    def floats(numbers: Sequence[float]) -> int:
        builder.StartVector(4, len(numbers), 4)
        for number in reversed(numbers):
            builder.PrependFloat32(number)
        return builder.EndVector()

    options = table({0: ("offset", floats(mean)), 1: ("offset", floats(std))})
    unit = table({0: ("byte", 1), 1: ("offset", options)})
    content = table({0: ("byte", 2 if image else 1), 1: ("offset", table({}))})
    taken = table({3: ("offset", content), 4: ("offset", vector([unit]))})

    def labelled(name: str | None) -> int:
        if name is None:
            return table({})
        file = table({0: ("offset", builder.CreateString(name)), 2: ("byte", 2)})
        return table({6: ("offset", vector([file]))})

    takes, gives = vector([taken]), vector([labelled(name) for name in labels])
    graph = table({2: ("offset", takes), 3: ("offset", gives)})
    graphs, title = vector([graph]), builder.CreateString("Brightness")
    builder.Finish(table({0: ("offset", title), 3: ("offset", graphs)}), b"M001")
    return bytes(builder.Output())


def dense(folder: Path, rows: int = -1) -> Path:
    """Three numbers to the probabilities of two classes: FULLY_CONNECTED and SOFTMAX."""
    graph, chance = Graph(), np.random.default_rng(2)
    x = graph.tensor("x", [rows, 3])
    weights = graph.tensor("w", [2, 3], data=chance.normal(size=(2, 3)).astype(np.float32))
    bias = graph.tensor("b", [2], data=np.array([0.5, -0.5], np.float32))
    hidden, y = graph.tensor("h", [rows, 2]), graph.tensor("y", [rows, 2])
    graph.node(OPERATORS.FULLY_CONNECTED, [x, weights, bias], [hidden], OPTIONS.FullyConnectedOptions, _fully())
    graph.node(OPERATORS.SOFTMAX, [hidden], [y], OPTIONS.SoftmaxOptions, _softmax())
    graph.signature({"features": x}, {"probability": y})
    return graph.written(folder, [x], [y])


def _fully() -> Any:
    return schema.FullyConnectedOptionsT()


def _softmax() -> Any:
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    return options


def picture(
    folder: Path,
    type_: str = "float32",
    *,
    labels: str | None = "dark\nlight\n",
    quantization: Any = None,
    image: bool = True,
) -> Path:
    """A picture of 8 × 6 to two scores, by its mean colour: an image classifier with metadata and labels."""
    graph, chance = Graph(), np.random.default_rng(4)
    pixels = graph.tensor("pixels", [1, HEIGHT, WIDTH, 3], type_, quantization=quantization)
    real = pixels
    if type_ != "float32":
        real = graph.tensor("real", [1, HEIGHT, WIDTH, 3])
        graph.node(OPERATORS.DEQUANTIZE, [pixels], [real], OPTIONS.DequantizeOptions, schema.DequantizeOptionsT())
    axes = graph.tensor("axes", [2], "int32", data=np.array([1, 2], np.int32))
    colour = graph.tensor("colour", [1, 3])
    graph.node(OPERATORS.MEAN, [real, axes], [colour], OPTIONS.ReducerOptions, schema.ReducerOptionsT())
    weights = graph.tensor("w", [2, 3], data=chance.normal(size=(2, 3)).astype(np.float32))
    bias = graph.tensor("b", [2], data=np.array([0.25, -0.25], np.float32))
    hidden, scores = graph.tensor("h", [1, 2]), graph.tensor("scores", [1, 2])
    graph.node(OPERATORS.FULLY_CONNECTED, [colour, weights, bias], [hidden], OPTIONS.FullyConnectedOptions, _fully())
    graph.node(OPERATORS.SOFTMAX, [hidden], [scores], OPTIONS.SoftmaxOptions, _softmax())
    if image:
        graph.metadata(metadata_of(image=True, mean=[127.5], std=[127.5], labels=["labels.txt" if labels else None]))
    return graph.written(folder, [pixels], [scores], {"labels.txt": labels} if labels else {})


def quantized(folder: Path, type_: str = "int8") -> Path:
    """Two quantised tensors added up: answers are quantised too."""
    graph = Graph()
    zero = 0 if type_ == "int8" else 128
    x = graph.tensor("x", [1, 4], type_, quantization=(0.5, zero))
    y = graph.tensor("y", [1, 4], type_, quantization=(0.25, zero))
    total = graph.tensor("total", [1, 4], type_, quantization=(0.75, zero))
    graph.node(OPERATORS.ADD, [x, y], [total], OPTIONS.AddOptions, schema.AddOptionsT())
    return graph.written(folder, [x, y], [total])


def doubled(folder: Path, shape: Sequence[int], type_: str = "float32") -> Path:
    """x + x, of any shape."""
    graph = Graph()
    x, y = graph.tensor("x", shape, type_), graph.tensor("y", shape, type_)
    graph.node(OPERATORS.ADD, [x, x], [y], OPTIONS.AddOptions, schema.AddOptionsT())
    return graph.written(folder, [x], [y])


def contract_artefact(folder: Path) -> Path:
    """The image classifier."""
    return picture(folder)


def instances(signature: Any, count: int) -> list[dict[str, Any]]:
    """Pictures of the model's own size, which nobody has to resize."""
    from PIL import Image

    chance, made = np.random.default_rng(6), []
    for _ in range(count):
        held = io.BytesIO()
        Image.fromarray(chance.integers(0, 256, size=(HEIGHT, WIDTH, 3), dtype=np.uint8)).save(held, "PNG")
        made.append({"pixels": base64.b64encode(held.getvalue()).decode()})
    return made


def library_answers(path: Path, instances: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """What the interpreter answers by itself to pictures in base64, normalised as the file's metadata says."""
    from PIL import Image

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    answers = []
    for instance in instances:
        image = Image.open(io.BytesIO(base64.b64decode(instance["pixels"]))).convert("RGB")
        if image.size != (WIDTH, HEIGHT):
            raise ValueError(f"a picture of {image.size}: only the core brings pictures to another size")
        tensor = (np.asarray(image, np.float32)[None] - np.float32(127.5)) / np.float32(127.5)
        interpreter.set_tensor(taken["index"], tensor)
        interpreter.invoke()
        answers.append(interpreter.get_tensor(given["index"])[0])
    return {"scores": np.array(answers)}
