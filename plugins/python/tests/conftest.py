"""Makes the samples importable: the folder of a plugin's tests is no package, so that it can move as it is."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
