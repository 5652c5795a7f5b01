"""Files that mean harm: each is refused in one sentence, nothing of it runs, and nothing takes long."""

import io
import json
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn_zoo
import skops.io

from mlserve.errors import BundleError
from mlserve_sklearn.family import SklearnFamily, SklearnPickleFamily

FAMILY = SklearnFamily()


class Harm:
    """What a pickle may do: here it would leave a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def refused(path: Path) -> str:
    with pytest.raises(BundleError) as error:
        FAMILY.inspect(path)
    with pytest.raises(BundleError) as again:
        FAMILY.load(path, None, {"trusted": ()})  # type: ignore[arg-type] # It does not come that far.
    assert str(again.value) == str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


def rewritten(
    folder: Path,
    name: str,
    change: Callable[[dict[str, bytes]], None],
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    """A model of the zoo whose parts somebody has changed."""
    source = zipfile.ZipFile(io.BytesIO(skops.io.dumps(sklearn_zoo.animal(name).model)))
    parts = {part: source.read(part) for part in source.namelist()}
    change(parts)
    path = folder / "model.skops"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    return path


def of_schema(change: Callable[[Any], Any]) -> Callable[[dict[str, bytes]], None]:
    def apply(parts: dict[str, bytes]) -> None:
        schema = json.loads(parts["schema.json"])
        parts["schema.json"] = json.dumps(change(schema) or schema).encode()

    return apply


def array(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def node(module: str, name: str, loader: str, **more: Any) -> dict[str, Any]:
    return {"__module__": module, "__class__": name, "__loader__": loader, **more}


def listed(*content: Any, **more: Any) -> dict[str, Any]:
    return node("builtins", "list", "ListNode", content=list(content), **more)


def test_a_pickle_that_is_called_skops_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(pickle.dumps(Harm(tmp_path / "harm")))
    assert refused(path) == "model.skops is a pickle, which runs code when it is loaded, and no .skops file."
    assert not (tmp_path / "harm").exists()


def test_a_pickle_is_not_run_to_look_at_it(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(Harm(tmp_path / "harm")))
    assert SklearnPickleFamily().inspect(path) is None
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("evil", "named"),
    [
        (node("os", "system", "FunctionNode"), "os.system"),
        (node("posix", "system", "TypeNode"), "posix.system"),
        (node("subprocess", "Popen", "ObjectNode", content=None), "subprocess.Popen"),
        (
            node("subprocess", "Popen", "ConstructorFromReduceNode", content=listed()),
            "subprocess.Popen",
        ),
        (
            node("operator", "methodcaller", "OperatorFuncNode", attrs=listed()),
            "operator.methodcaller",
        ),
    ],
)
def test_types_that_are_not_trusted_are_named_with_the_setting(
    evil: dict[str, Any], named: str, tmp_path: Path
) -> None:
    def change(schema: Any) -> None:
        schema["content"]["content"]["penalty"] = evil

    said = refused(rewritten(tmp_path, "logistic", of_schema(change)))
    assert said == (
        f"model.skops needs types that are not trusted: {named}; if you trust them, list them in "
        "mlserve.sklearn.trusted."
    )


def partials_of(schema: Any) -> list[dict[str, Any]]:
    nested = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    own = [schema] if isinstance(schema, dict) and schema.get("__loader__") == "PartialNode" else []
    return own + [found for item in nested for found in partials_of(item)]


EXEC = node("builtins", "exec", "FunctionNode")


@pytest.mark.parametrize(
    "change",
    [
        lambda schema: partials_of(schema)[0]["content"]["func"].update(EXEC),
        lambda schema: partials_of(schema)[0]["content"]["args"]["content"].append(listed(__id__=7)),
        lambda schema: partials_of(schema)[0]["content"]["kwds"]["content"].clear(),
        # skops takes the list for the function, which it has read under that identity before.
        lambda schema: schema["content"]["content"].update(
            {"warm_start": listed(__id__=partials_of(schema)[0]["content"]["func"]["__id__"])}
        ),
        lambda schema: schema["content"]["content"].update(
            {"warm_start": node("sklearn.utils.validation", "check_array", "FunctionNode")}
        ),
    ],
)
def test_a_partial_of_anything_but_the_library_s_own_is_refused(change: Callable[[Any], None], tmp_path: Path) -> None:
    path = rewritten(tmp_path, "frame-hist-categories", of_schema(change))
    assert "calls whatever the file says, so that it is no type to trust" in refused(path)


@pytest.mark.parametrize(
    ("module", "trusted", "advice"),
    [
        ("__main__", False, "__main__.logit, which only the script that trained it has: define it in an installed"),
        ("__main__", True, "__main__.logit, which only the script that trained it has: define it in an installed"),
        ("no_such_package", False, "install the package of no_such_package.logit here, and if you trust them, list"),
        ("no_such_package", True, "needs the module no_such_package: install its package here."),
    ],
)
def test_what_cannot_be_imported_is_told_with_what_helps(
    module: str, trusted: bool, advice: str, tmp_path: Path
) -> None:
    def change(schema: Any) -> None:
        schema["content"]["content"]["penalty"] = node(module, "logit", "FunctionNode")

    path = rewritten(tmp_path, "logistic", of_schema(change))
    with pytest.raises(BundleError) as error:
        SklearnFamily([f"{module}.logit"] if trusted else []).inspect(path)
    assert advice in str(error.value)


@pytest.mark.parametrize(
    ("module", "advice"),
    [("__main__", "define it in an installed module"), ("no_such_package", "install its package here")],
)
def test_a_pickle_that_cannot_be_imported_is_told_with_what_helps(module: str, advice: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"c" + f"{module}\nno_such_function\n.".encode())
    with pytest.raises(BundleError, match=advice):
        SklearnPickleFamily().load(path, None, {})  # type: ignore[arg-type] # It does not come that far.


def test_names_that_lead_out_of_the_archive_are_refused(tmp_path: Path) -> None:
    for name in ("../out.npy", "/etc/passwd", "a\\b"):
        path = rewritten(tmp_path, "logistic", lambda parts, name=name: parts.update({name: b""}))
        assert "which skops writes nowhere" in refused(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = rewritten(
        tmp_path, "logistic", lambda parts: parts.update({"zeros.npy": bytes(64 * 2**20)}), zipfile.ZIP_DEFLATED
    )
    assert path.stat().st_size < 200_000
    assert refused(path) == "model.skops would unpack to far more than it holds."


def test_an_array_that_claims_more_than_it_has_makes_no_room(tmp_path: Path) -> None:
    def change(parts: dict[str, bytes]) -> None:
        name = next(name for name in parts if name.endswith(".npy"))
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**11,)})
        parts[name] = header.getvalue()

    assert (
        refused(rewritten(tmp_path, "logistic", change))
        == "model.skops holds an array that is not as large as it says."
    )


def test_a_schema_that_refers_to_itself_again_and_again_ends(tmp_path: Path) -> None:
    """Sixty levels, each twice the one before: skops would go through 2^60 nodes to look for types."""

    def change(schema: Any) -> None:
        inner = listed(__id__=10**6)
        for level in range(60):
            reference = {**listed(), "__id__": inner["__id__"]}
            inner = listed(inner, reference, __id__=10**6 + level + 1)
        schema["content"]["content"]["penalty"] = inner

    assert "refers to its own parts too often" in refused(rewritten(tmp_path, "logistic", of_schema(change)))


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 500_000,
        b'{"__class__": ' * 100_000,
        b"null",
        b"[]",
        b'{"protocol": 1e999}',
        b"\xff\xfe",
        b'{"protocol": 2, "__loader__": "DictNode"}',
    ],
)
def test_a_schema_that_is_none_is_refused(text: bytes, tmp_path: Path) -> None:
    assert refused(rewritten(tmp_path, "logistic", lambda parts: parts.update({"schema.json": text})))


def test_archives_without_a_schema_and_parts_that_are_gone_are_refused(tmp_path: Path) -> None:
    assert "without schema.json" in refused(rewritten(tmp_path, "logistic", lambda parts: parts.pop("schema.json")))

    def lose(parts: dict[str, bytes]) -> None:
        del parts[next(name for name in parts if name.endswith(".npy"))]

    assert refused(rewritten(tmp_path, "logistic", lose))


def changed_arrays(change: Callable[[Any], Any], where: Callable[[Any], bool]) -> Callable[[dict[str, bytes]], None]:
    """Changes every array of the file that `where` takes."""

    def apply(parts: dict[str, bytes]) -> None:
        found = 0
        for name, content in parts.items():
            if name.endswith(".npy"):
                values = np.load(io.BytesIO(content)).copy()
                if where(values):
                    change(values)
                    parts[name] = array(values)
                    found += 1
        assert found

    return apply


def has(field: str) -> Callable[[Any], bool]:
    return lambda values: values.dtype.names is not None and field in values.dtype.names and len(values) > 1


def put(field: str, value: Any) -> Callable[[Any], None]:
    def change(values: Any) -> None:
        values[field][0] = value

    return change


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("tree", "left_child", 10**9),
        ("tree", "left_child", 0),
        ("tree", "right_child", -7),
        ("tree", "feature", 10**9),
        ("tree", "feature", -3),
        ("forest", "right_child", 2**40),
        ("boosting", "left_child", 0),
        ("isolation-forest", "feature", 99),
        ("hist-boosting", "left", 0),
        ("hist-boosting", "right", 2**31),
        ("hist-boosting", "feature_idx", 2**40),
        ("neighbours", "idx_end", 2**40),
        ("neighbours-values", "idx_start", -5),
    ],
)
def test_trees_that_lead_out_of_themselves_are_refused(name: str, field: str, value: Any, tmp_path: Path) -> None:
    """Compiled code would follow them without looking, and end or hang the process."""
    path = rewritten(tmp_path, name, changed_arrays(put(field, value), has(field)))
    assert "of the model" in refused(path) or "in the model" in refused(path)


def test_support_vectors_of_another_number_are_refused(tmp_path: Path) -> None:
    def change(values: Any) -> None:
        values[0] += 1000

    is_count = lambda values: values.dtype == np.int32 and values.shape == (3,)  # noqa: E731
    path = rewritten(tmp_path, "svc", changed_arrays(change, is_count))
    assert refused(path) == "The support vectors of the model contradict each other."


def test_a_vectorizer_that_reads_files_is_refused(tmp_path: Path) -> None:
    def change(parts: dict[str, bytes]) -> None:
        text = parts["schema.json"].decode()
        assert text.count('"\\"content\\""') == 1
        parts["schema.json"] = text.replace('"\\"content\\""', '"\\"filename\\""').encode()

    assert "reads files that its callers name" in refused(rewritten(tmp_path, "texts", change))


@pytest.mark.parametrize("said", ["300000000", "-1", '"many"'])
def test_a_number_of_columns_that_cannot_be_is_refused_at_once(said: str, tmp_path: Path) -> None:
    def change(parts: dict[str, bytes]) -> None:
        text = parts["schema.json"].decode()
        found = re.compile(r'("n_features_in_": {[^}]*"content": )"4"')
        assert len(found.findall(text)) == 1
        parts["schema.json"] = found.sub(lambda match: match[1] + json.dumps(said), text).encode()

    assert "columns, not a number up to 20,000." in refused(rewritten(tmp_path, "mixture", change))


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    skops.io.dump({"a": [1, 2]}, path)
    assert refused(path) == "model.skops holds a dict, which is no model of scikit-learn."
