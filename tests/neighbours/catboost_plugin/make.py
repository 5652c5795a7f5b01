"""Makes the plugin as an outsider does: `mlserve new-plugin catboost`, then the files beside this one in its place.

Run by the outsider's environment: `python make.py FOLDER`.
"""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PANEL = ("panel.py", "panel.jinja2")  # of the template; a CatBoost model has none

folder = Path(sys.argv[1])
subprocess.run([Path(sys.executable).with_name("mlserve"), "new-plugin", "catboost", "--folder", folder], check=True)
for name in ("mlserve_catboost", "tests"):
    shutil.copytree(HERE / name, folder / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
for name in PANEL:
    (folder / "mlserve_catboost" / name).unlink()
setup = folder / "setup.py"
own = setup.read_text(encoding="utf-8").replace('"msgspec>=0.22"', '"catboost>=1.2,<2"')
setup.write_text(own, encoding="utf-8")
