"""Fetch the stylesheets and scripts that the pages use into mlserve/static/vendor/, with their licences.

    python scripts/vendor.py

Needs npm, and only to change a version: what it writes is part of the source, so that neither an installation nor a
running server fetches anything. The files stay as they were published, byte for byte; vendor.json names each with its
package, version and SHA-256.
"""

import hashlib
import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

FOLDER = Path(__file__).parents[1] / "mlserve" / "static" / "vendor"


@dataclass(frozen=True)
class Package:
    """An npm package and what of it is kept: the path inside the package → the name here."""

    name: str
    version: str
    files: dict[str, str]


PACKAGES = (
    Package("@picocss/pico", "2.1.1", {"css/pico.min.css": "pico.min.css", "LICENSE.md": "pico.LICENSE.txt"}),
    # Version 4 is npm's `latest`; 2 is what the pages are written for.
    Package("htmx.org", "2.0.11", {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "htmx.LICENSE.txt"}),
    Package(
        "uplot",
        "1.6.32",
        {
            "dist/uPlot.iife.min.js": "uPlot.iife.min.js",
            "dist/uPlot.min.css": "uPlot.min.css",
            "LICENSE": "uPlot.LICENSE.txt",
        },
    ),
    Package(
        "swagger-ui-dist",
        "5.35.0",
        {
            "swagger-ui-bundle.js": "swagger-ui-bundle.js",
            "swagger-ui.css": "swagger-ui.css",
            "LICENSE": "swagger-ui.LICENSE.txt",
            "NOTICE": "swagger-ui.NOTICE.txt",
            "swagger-ui-bundle.js.LICENSE.txt": "swagger-ui-bundle.js.LICENSE.txt",
        },
    ),
)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    listed = [row for package in PACKAGES for row in fetch(package)]
    kept = {row["file"] for row in listed} | {"vendor.json"}
    for path in FOLDER.iterdir():
        if path.name not in kept:
            path.unlink()
            print(f"removed {path.name}, which no package brings any more")
    (FOLDER / "vendor.json").write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")


def fetch(package: Package) -> list[dict[str, str]]:
    """Write a package's files; their rows of vendor.json."""
    rows = []
    with TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
        packed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.split()[-1]
        with tarfile.open(Path(folder, packed)) as archive:
            for path, name in package.files.items():
                member = archive.extractfile(f"package/{path}")
                assert member is not None, f"{package.name} has no file {path}"
                content = member.read()
                (FOLDER / name).write_bytes(content)
                digest = hashlib.sha256(content).hexdigest()
                rows.append({"name": package.name, "version": package.version, "file": name, "sha256": digest})
                print(f"{package.name} {package.version}  {name}  {len(content):,} bytes")
    return rows


if __name__ == "__main__":
    main()
