"""The load: wrk, which posts the work's bodies in a closed loop over kept-alive connections."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("post.lua")


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One load on one server. `cpu_ms_per_request` is user and system time of all the server's processes.

    `connections` are processes where nothing is served. `start_s` is from the start to the first right answer, with
    caches filled. Of a server that ships what it has kept, `backlog_mib` waited when the load ended, for `drain_s`.
    """

    server: str
    version: str
    work: str
    connections: int
    workers: int
    round: int
    requests: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_ms_per_request: float
    pss_mib: float
    errors: int
    start_s: float | None = None
    backlog_mib: float | None = None
    drain_s: float | None = None


def require_wrk() -> str:
    """The version of wrk. Raises SystemExit saying how to get it."""
    if shutil.which("wrk") is None:
        raise SystemExit("The benchmark needs wrk, which is not installed: apt-get install wrk (Debian, Ubuntu).")
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    return (said.stdout + said.stderr).splitlines()[0].partition(" Copyright")[0].strip()


def write_bodies(path: Path, bodies: Sequence[bytes]) -> Path:
    """In the form that the script reads."""
    path.write_bytes(b"".join(b"%d\n%s\n" % (len(body), body) for body in bodies))
    return path


class Load:
    """A load that has begun."""

    def __init__(self, port: int, bodies: Path, address: Sequence[str], connections: int, seconds: float) -> None:
        """`address` is path, content type and what is accepted."""
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s"]
        command += ["-s", str(SCRIPT), f"http://127.0.0.1:{port}", "--", str(bodies), *address]
        self._wrk = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def result(self) -> dict[str, Any]:
        """What the script tells, with `errors` for what was refused or broken. Raises SystemExit where wrk fails."""
        out, err = self._wrk.communicate()
        if self._wrk.returncode != 0:
            raise SystemExit(f"wrk failed: {err or out}")
        told: dict[str, Any] = json.loads(out.splitlines()[-1])
        return told | {"errors": told["refused"] + told["broken"]}
