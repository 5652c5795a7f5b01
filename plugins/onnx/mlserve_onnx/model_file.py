"""ModelFile: what an ONNX file says of itself, read from its bytes without the library, which trusts them more.

The numbers of the fields are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mlserve.errors import BundleError
from mlserve_onnx.protobuf import Message

# TensorProto.DataType, in the words of ONNX Runtime.
_ELEMENTS: Final = (
    *("undefined", "float", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16"),
    *("double", "uint32", "uint64", "complex64", "complex128", "bfloat16", "float8e4m3fn", "float8e4m3fnuz"),
    *("float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1", "float8e8m0", "uint2", "int2"),
)
_DEEPEST: Final = 100  # graphs inside graphs, and types inside types: as deep as Protocol Buffers read by themselves
_ORT_FORMAT: Final = b"ORTM"  # At byte 4: ONNX Runtime's own format, which it would read instead.

Size = int | str | None


@dataclass(frozen=True)
class Value:
    """An input or output of the graph. `type` is in ONNX Runtime's words, such as `tensor(float)`."""

    name: str
    type: str
    shape: tuple[Size, ...] | None  # of a tensor: numbers, names, and None for any size; None: not even its rank
    denotation: str = ""

    @property
    def element(self) -> str | None:
        """The type of a tensor's elements; None of anything else."""
        kind, _, rest = self.type.partition("(")
        return rest.removesuffix(")") if kind == "tensor" else None


@dataclass(frozen=True, eq=False)
class ModelFile:
    """What the file says. `raw` is what was looked at, and therefore what the library must be given."""

    raw: bytes = field(repr=False)
    ir_version: int
    producer: str
    opsets: Mapping[str, int]  # by domain; "" is ONNX's own
    metadata: Mapping[str, str]
    inputs: tuple[Value, ...]  # those without a value in the file
    outputs: tuple[Value, ...]
    operators: Mapping[str, int]  # how many nodes of each kind, those of inner graphs among them
    parameters: int  # how many numbers the file's tensors hold
    keys: Mapping[str, tuple[str, ...]]  # of the maps that a ZipMap makes, by its output


def read(path: Path) -> ModelFile:
    """Read and check a model file. Raises BundleError, whose sentence names the file, for anything else."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BundleError(f"The model file {path.name} cannot be read: {error.strerror}.") from error
    try:
        return parse(raw)
    except (ValueError, RecursionError) as error:
        reason = "it holds text that is not UTF-8" if isinstance(error, UnicodeError) else str(error)
        raise BundleError(f"{path.name} is not a sound ONNX model: {reason}.") from error


def parse(raw: bytes) -> ModelFile:
    """Raises ValueError."""
    if raw[4:8] == _ORT_FORMAT:
        raise ValueError("it is in ONNX Runtime's own format; only ONNX is read")
    model = Message(memoryview(raw))
    graph = model.message(7)
    if graph is None:
        raise ValueError("it has no graph")
    if 20 in model:
        raise ValueError("it holds training information: export it for inference")
    walk = _Walk()
    walk.graph(graph, 0)
    for function in model.messages(25):
        walk.nodes(function, 7, 0)
        for attribute in function.messages(11):
            walk.attribute(attribute, 0)
    given = {tensor.text(8) for tensor in graph.messages(5)}
    given |= {tensor.text(8) for sparse in graph.messages(15) for tensor in sparse.messages(1)}
    return ModelFile(
        raw=raw,
        ir_version=model.integer(1),
        producer=" ".join(filter(None, (model.text(2), model.text(3)))),
        opsets={opset.text(1): opset.integer(2) for opset in model.messages(8)},
        metadata={entry.text(1): entry.text(2) for entry in model.messages(14)},
        inputs=tuple(value for value in _values(graph, 11) if value.name not in given),
        outputs=tuple(_values(graph, 12)),
        operators=dict(walk.operators.most_common()),
        parameters=walk.parameters,
        keys=dict(_zip_maps(graph)),
    )


class _Walk:
    """Looks at every node and tensor, however deep."""

    def __init__(self) -> None:
        self.operators: Counter[str] = Counter()
        self.parameters = 0

    def graph(self, graph: Message, depth: int) -> None:
        if depth > _DEEPEST:
            raise ValueError("its graphs are nested too deep")
        self.nodes(graph, 1, depth)
        for tensor in graph.messages(5):
            self.tensor(tensor)
        for sparse in graph.messages(15):
            self.sparse(sparse)

    def nodes(self, holder: Message, number: int, depth: int) -> None:
        for node in holder.messages(number):
            domain = node.text(7)
            self.operators[f"{domain}.{node.text(4)}" if domain else node.text(4)] += 1
            for attribute in node.messages(5):
                self.attribute(attribute, depth)

    def attribute(self, attribute: Message, depth: int) -> None:
        for number in (5, 10):
            for tensor in attribute.messages(number):
                self.tensor(tensor)
        for number in (6, 11):
            for graph in attribute.messages(number):
                self.graph(graph, depth + 1)
        for number in (22, 23):
            for sparse in attribute.messages(number):
                self.sparse(sparse)

    def sparse(self, sparse: Message) -> None:
        for number in (1, 2):
            for tensor in sparse.messages(number):
                self.tensor(tensor)

    def tensor(self, tensor: Message) -> None:
        """External data may name any file of the host, and even an address in memory: only what is here is taken."""
        if 13 in tensor or any(tensor.integers(14)):
            raise ValueError(f"its tensor {tensor.text(8)!r} lies in another file: save the model as one file")
        count = 1
        for size in tensor.integers(1):
            if size < 0:
                raise ValueError(f"its tensor {tensor.text(8)!r} has a size below 0")
            count *= size
        if count > 8 * sum(len(data) for data in _contents(tensor)):  # Two bits, the smallest type, and 64 bits a zero.
            raise ValueError(f"its tensor {tensor.text(8)!r} declares {count} numbers, which are not there")
        self.parameters += count


def _contents(tensor: Message) -> Iterator[memoryview | bytes]:
    """What holds a tensor's elements: raw bytes, texts, or numbers, packed or one by one."""
    for number in (4, 5, 7, 10, 11):
        for value in tensor.values(number):
            yield value if isinstance(value, memoryview) else b"\0"
    yield from tensor.data(9)
    for _ in tensor.data(6):
        yield b"\0"


def _values(graph: Message, number: int) -> Iterator[Value]:
    for info in graph.messages(number):
        name = info.text(1)
        kind = info.message(2)
        if kind is None:
            raise ValueError(f"its {'input' if number == 11 else 'output'} {name!r} has no type")
        tensor = kind.message(1)
        shape = None if tensor is None else tensor.message(2)
        sizes = None if shape is None else tuple(map(_size, shape.messages(1)))
        yield Value(name, _type(kind, 0), sizes, kind.text(6))


def _size(dimension: Message) -> Size:
    if 1 in dimension and dimension.integer(1) >= 0:
        return dimension.integer(1)
    return dimension.text(2) or None


def _type(kind: Message, depth: int) -> str:
    if depth > _DEEPEST:
        raise ValueError("its types are nested too deep")
    if (tensor := kind.message(1)) is not None:
        return f"tensor({_element(tensor.integer(1))})"
    if (sequence := kind.message(4)) is not None:
        return f"seq({_inner(sequence, 1, depth)})"
    if (mapping := kind.message(5)) is not None:
        return f"map({_element(mapping.integer(1))},{_inner(mapping, 2, depth)})"
    if (optional := kind.message(9)) is not None:
        return f"optional({_inner(optional, 1, depth)})"
    return "sparse_tensor" if 8 in kind else "opaque"


def _inner(kind: Message, number: int, depth: int) -> str:
    inner = kind.message(number)
    return "unknown" if inner is None else _type(inner, depth + 1)


def _element(number: int) -> str:
    return _ELEMENTS[number] if 0 <= number < len(_ELEMENTS) else f"type {number}"


def _zip_maps(graph: Message) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The keys of each ZipMap, as texts: what the maps that it makes are about."""
    for node in graph.messages(1):
        if node.text(4) != "ZipMap":
            continue
        attributes = {attribute.text(1): attribute for attribute in node.messages(5)}
        if texts := attributes.get("classlabels_strings"):
            keys = texts.texts(9)
        elif numbers := attributes.get("classlabels_int64s"):
            keys = [str(number) for number in numbers.integers(8)]
        else:
            continue
        for output in node.texts(2):
            yield output, tuple(keys)
