"""What computes the answers of a family of trees: its library, or ONNX Runtime where it is proved to answer alike."""

from importlib.util import find_spec
from typing import Final

from mlserve.errors import ConfigurationError
from mlserve.settings import Setting

EXACT: Final = "exact"
ONNX: Final = "onnx"
# What the converted engine is made and run with; the extra `onnx` of a family's distribution brings them.
_PACKAGES: Final = ("mlserve_onnx", "onnx", "onnxruntime")


def engine_settings(family: str, library: str) -> tuple[Setting, Setting]:
    """The settings `threads` and `engine` of a family whose library has this name."""
    return (
        Setting(
            f"mlserve.{family}.threads",
            "int",
            1,
            f"How many threads {library} uses for one prediction; more than one helps with hundreds of rows only.",
            minimum=1,
            changes_answers=False,
        ),
        Setting(
            f"mlserve.{family}.engine",
            "choice",
            EXACT,
            "What computes the answers: the library itself, or ONNX Runtime where it is proved to answer alike.",
            choices=(EXACT, ONNX),
            changes_answers=False,  # The lineage names the engine that answers, which may be another one.
        ),
    )


def require_engine(family: str, engine: str) -> None:
    """Raises ConfigurationError where the packages of the engine are not installed."""
    lacking = [name for name in _PACKAGES if find_spec(name) is None] if engine == ONNX else []
    if lacking:
        raise ConfigurationError(
            f"mlserve.{family}.engine = onnx needs {', '.join(lacking)}, which is not installed: "
            f"`pip install 'pyramid-mlserve-{family}[onnx]'`, or write exact."
        )
