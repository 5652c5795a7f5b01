"""What the packages may import: read from their source, so that a lazy import counts too."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "mlserve"
PURE = ("arrow", "signature", "bundles", "inference", "checks")
WEB_AND_SQL = {"pyramid", "cornice", "sqlalchemy", "alembic", "webob", "waitress"}
# Which parts of the core stand above one, so that it does without them; the pages stand above all.
FLOORS = {
    "db": {"api", "auth", "events", "predictions", "registry", "webhooks"},
    "api": {"events", "predictions", "registry", "webhooks"},
    "auth": {"predictions", "registry", "webhooks"},
    "events": {"predictions", "webhooks"},
    "webhooks": {"auth", "predictions", "registry"},
    "registry": {"predictions", "webhooks"},
    "predictions": {"webhooks"},
}
# What makes events needs these modules of theirs, and so they need nothing of it; resources are made of all.
KEEPS_EVENTS = ("__init__", "atom", "author", "described", "headlines", "kinds", "outbox", "service", "tables")
MODEL_LIBRARIES = {"xgboost", "sklearn", "lightgbm", "catboost", "onnxruntime", "onnx", "torch", "tensorflow", "pandas"}
# What a plugin may name, beside Pyramid's and Cornice's own configuration.
PUBLIC = {
    "mlserve.api.operations",
    "mlserve.api.problems",
    "mlserve.api.resources",
    "mlserve.auth.guard",
    "mlserve.errors",
    "mlserve.faults",
    "mlserve.inference",
    "mlserve.models",
    "mlserve.observability.health",
    "mlserve.predictions.family_tables",
    "mlserve.predictions.resources",
    "mlserve.private_file",
    "mlserve.protocols",
    "mlserve.settings",
    "mlserve.signature",
    "mlserve.tensors",
    "mlserve.testing",
    "mlserve.trees",
    "mlserve.trees.explaining",
}


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def parts_of(path: Path) -> set[str]:
    """The packages and modules of the core that a module imports from: `mlserve.db.types` is `db`."""
    found = {name.split(".")[1] for name in imports_of(path) if name.startswith("mlserve.")}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "mlserve":
            found |= {alias.name for alias in node.names}
    return found


def modules(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.py")) if "migrations" not in path.parts]


def tops(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("package", PURE)
def test_pure_packages_import_no_web_framework_and_no_database(package: str) -> None:
    files = modules(CORE / package)
    assert len(files) > 2
    allowed = {f"mlserve.{name}" for name in (*PURE, "errors", "faults", "names", "xml_text")}
    for path in files:
        names = imports_of(path)
        assert not tops(names) & WEB_AND_SQL, path
        ours = {name for name in names if name.startswith("mlserve.")}
        assert {".".join(name.split(".")[:2]) for name in ours} <= allowed, path


def test_importing_a_pure_package_loads_no_web_framework() -> None:
    code = f"import sys, {', '.join(f'mlserve.{name}' for name in PURE)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert not tops(set(loaded.split())) & WEB_AND_SQL


def test_the_core_imports_no_model_library() -> None:
    for path in modules(CORE):
        assert not tops(imports_of(path)) & MODEL_LIBRARIES, path


def test_what_observes_imports_nothing_of_what_is_observed() -> None:
    """Only where metrics are put together with the rest."""
    observed = {"predictions", "registry", "dashboard", "api", "db"}
    for path in modules(CORE / "observability"):
        if path != CORE / "observability" / "metrics" / "wiring.py":
            ours = {name.removeprefix("mlserve.") for name in imports_of(path) if name.startswith("mlserve.")}
            assert not tops(ours) & observed, path


@pytest.mark.parametrize("part", FLOORS)
def test_no_part_needs_what_stands_above_it(part: str) -> None:
    files = modules(CORE / part)
    assert files
    for path in files:
        assert not parts_of(path) & {*FLOORS[part], "dashboard"}, path


def test_events_need_nothing_of_those_who_make_them() -> None:
    for name in KEEPS_EVENTS:
        path = CORE / "events" / f"{name}.py"
        assert parts_of(path) <= {"api", "db", "events", "ids", "types", "xml_text"}, path


def test_what_makes_ids_needs_no_part() -> None:
    assert parts_of(CORE / "ids.py") == {"chance"}


@pytest.mark.parametrize("plugin", sorted((ROOT / "plugins").glob("*/mlserve_*")), ids=lambda path: path.name)
def test_plugins_use_only_public_names_of_the_core(plugin: Path) -> None:
    for path in modules(plugin):
        ours = {name for name in imports_of(path) if name == "mlserve" or name.startswith("mlserve.")}
        assert ours <= PUBLIC, path


def test_the_client_needs_no_part_of_the_server() -> None:
    """And the core needs the client only to re-export it, and where a verb speaks to a server."""
    for path in modules(ROOT / "plugins" / "client" / "mlserve_client"):
        assert tops(imports_of(path)) - sys.stdlib_module_names <= {"mlserve_client", "urllib3"}, path
    users = {str(path.relative_to(CORE)) for path in modules(CORE) if "mlserve_client" in tops(imports_of(path))}
    assert users == {"client.py", "cli/over_http.py", "cli/target.py"}


def test_the_table_of_contents_stays_short() -> None:
    assert len((CORE / "__init__.py").read_text().splitlines()) < 60


def test_no_module_has_grown_into_a_hall() -> None:
    long = {str(path): n for path in modules(CORE) if (n := len(path.read_text().splitlines())) > 400}
    assert long == {}
