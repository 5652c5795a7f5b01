"""Who runs a command, as events say."""

import getpass


def actor() -> str:
    """`cli:<user>`, by the name of the system's user."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):  # A user id without a name, as containers have them.
        return "cli"
