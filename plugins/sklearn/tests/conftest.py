"""Fixtures of the scikit-learn plugin's tests; the models themselves come from `sklearn_zoo`."""

import sys
from pathlib import Path

# The folder of a plugin's tests is no package, so that the plugin can move to a repository of its own as it is.
sys.path.insert(0, str(Path(__file__).parent))
