"""What [server:workers] needs beside the core."""

from importlib.util import find_spec

from mlserve.errors import ConfigurationError


def refuse_without_granian(name: str) -> None:
    """Raise ConfigurationError where the section `[server:NAME]` asks for workers, whose HTTP is not installed."""
    if find_spec("granian") is None:
        raise ConfigurationError(
            f"[server:{name}] needs granian, which is not installed: run pip install -e '.[workers]' "
            "-c constraints.txt in the clone, or remove the section to serve with [server:main]."
        )
