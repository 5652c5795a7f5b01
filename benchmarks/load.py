"""The load: wrk, which posts the work's bodies in a closed loop over kept-alive connections."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import Peer

SCRIPT = Path(__file__).with_name("post.lua")


@dataclass(frozen=True)
class Measurement:
    """One load on one server. `cpu_ms_per_request` is user and system time of all the server's processes."""

    server: str
    version: str
    work: str
    connections: int
    workers: int
    requests: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_ms_per_request: float
    pss_mib: float
    errors: int


def require_wrk() -> str:
    """The version of wrk. Raises SystemExit saying how to get it."""
    if shutil.which("wrk") is None:
        raise SystemExit("The benchmark needs wrk, which is not installed: apt-get install wrk (Debian, Ubuntu).")
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    return (said.stdout + said.stderr).splitlines()[0].partition(" Copyright")[0].strip()


def load(peer: Peer, work: str, bodies: Path, connections: int, seconds: float) -> Measurement:
    """Raises SystemExit where wrk itself fails; what the server refuses or breaks is counted as errors."""
    peer.settle()
    cpu = peer.process.cpu_seconds()
    url = f"http://127.0.0.1:{peer.process.port}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
    command += ["-s", str(SCRIPT), url, "--", str(bodies), peer.path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"wrk failed: {done.stderr or done.stdout}")
    told = json.loads(done.stdout.splitlines()[-1])
    peer.settle()
    cpu = peer.process.cpu_seconds() - cpu
    requests = told["requests"]
    return Measurement(
        server=peer.name,
        version=peer.version,
        work=work,
        connections=connections,
        workers=peer.workers,
        requests=requests,
        requests_per_s=round(requests / told["seconds"], 1),
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
        cpu_ms_per_request=round(cpu / max(requests, 1) * 1e3, 4),
        pss_mib=round(peer.process.pss_mib(), 1),
        errors=told["refused"] + told["broken"],
    )
