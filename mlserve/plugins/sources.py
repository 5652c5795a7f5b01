"""Where a plugin comes from and what it was built for; to look at one runs none of its code."""

import ast
import importlib.util
import re
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, PackageNotFoundError, distributions, version
from pathlib import Path


def source_of(module: str) -> tuple[str, str]:
    """The distribution that brings a module, and its version."""
    distribution = distribution_of(module)
    return distribution, version_of(distribution)


def distribution_of(module: str) -> str:
    """The distribution that brings a module, or the name of its top-level package."""
    return _bringing(module.partition(".")[0])


def version_of(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unpackaged"


def contract_of(module: str) -> str:
    """The version of the contract that a plugin's module says it was built for, such as "1.0"; "" where it does not."""
    try:
        spec = _spec_of(module)
        text = Path(spec.origin).read_text(encoding="utf-8") if spec is not None and spec.origin is not None else ""
        named = [value for node in ast.parse(text).body if (value := _contract_in(node)) is not None]
        return ".".join(map(str, ast.literal_eval(named[-1]))) if named else ""
    except (ImportError, OSError, ValueError, SyntaxError, TypeError):
        return ""


def _spec_of(module: str) -> ModuleSpec | None:
    """As the import system finds it; but to find a submodule, that would import the package around it."""
    top, *names = module.split(".")
    spec = importlib.util.find_spec(top)
    for name in names:
        if spec is None:
            return None
        spec = PathFinder.find_spec(f"{spec.name}.{name}", spec.submodule_search_locations or [])
    return spec


def _contract_in(node: ast.stmt) -> ast.expr | None:
    """What a statement assigns to MLSERVE_API, with an annotation or without."""
    if isinstance(node, ast.Assign):
        return node.value if any(map(_is_contract, node.targets)) else None
    return node.value if isinstance(node, ast.AnnAssign) and _is_contract(node.target) else None


def _is_contract(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id == "MLSERVE_API"


@cache  # It looks at every installed distribution, which each application would do again.
def _bringing(package: str) -> str:
    """The distribution that brought a top-level package, or the package's own name.

    The standard library's `packages_distributions` would say so of all packages, and takes ten times as long.
    """
    return next((found.name for found in distributions() if _brings(found, package)), package)


def _brings(distribution: Distribution, package: str) -> bool:
    declared = (distribution.read_text("top_level.txt") or "").split()
    if declared:
        return package in declared
    recorded = distribution.read_text("RECORD") or ""
    return bool(re.search(rf"^{re.escape(package)}(/.*)?\.py,", recorded, re.MULTILINE))
