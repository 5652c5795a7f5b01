"""The typed settings of mlserve: the INI and the environment in, checked values or one sentence out.

`read_settings` reads the core's settings; a plugin adds its own with `Settings.add`. `CORE` is the table that both
INI files and docs/reference/settings.md are tested against.
"""

from mlserve.settings.changed import changed_settings
from mlserve.settings.read import Settings, read_settings
from mlserve.settings.reference import settings_markdown
from mlserve.settings.setting import Setting
from mlserve.settings.table import CORE, RENAMED

__all__ = ["CORE", "RENAMED", "Setting", "Settings", "changed_settings", "read_settings", "settings_markdown"]
