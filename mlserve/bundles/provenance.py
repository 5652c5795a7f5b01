"""Where a bundle came from: for people, and for whoever wants to build it again. It is no part of the digest."""

import getpass
import platform
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

_PATIENCE = 10.0


def provenance_of(
    artefact: str, origin: Mapping[str, Any], libraries: Mapping[str, str], target: str | None
) -> dict[str, Any]:
    """The `provenance` of a manifest: who, when, from which data, with which libraries, at which commit.

    `environment` names every installed distribution with its version, as a requirements file would.
    """
    return {
        "created_at": now(),
        "created_by": _user(),
        "artefact": artefact,
        "data": dict(origin),
        "target": target,
        "python": platform.python_version(),
        "platform": " ".join(filter(None, (platform.system(), platform.machine(), *platform.libc_ver()))),
        "processor": _processor(),
        "libraries": dict(libraries),
        "environment": list(environment()),
        "git": commit_of(Path.cwd()),
    }


def now() -> str:
    """RFC 3339 in UTC, to the millisecond, ending in Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@cache
def environment() -> tuple[str, ...]:
    """Each installed distribution as `name==version`, sorted without regard to case; read once a process."""
    versions: dict[str, str] = {}
    for found in distributions():
        metadata = found.metadata  # A whole file is read and parsed at each access.
        versions.setdefault(metadata["Name"] or "", metadata["Version"])  # The first on the path is imported.
    return tuple(sorted((f"{name}=={version}" for name, version in versions.items() if name), key=str.lower))


def commit_of(folder: Path) -> dict[str, Any] | None:
    """The commit that the folder's repository is at, and whether files differ from it; None without a repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    return {"commit": commit.strip(), "dirty": bool(_git(folder, "status", "--porcelain"))}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):  # There is no git, or no answer from it.
        return None
    return done.stdout if done.returncode == 0 else None


def _processor() -> str:
    """The processor's name, with which the last bit of an answer may change; "" where nobody says it."""
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        found = None
    return found[1].strip() if found else platform.processor()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container's user may have no name.
        return ""
