"""What a process does of the work of an application: it answers requests, tends what is kept, or both."""

from enum import StrEnum


class Part(StrEnum):
    SERVER = "server"  # one process does it all
    WORKER = "worker"  # one of several that answer
    BACKGROUND = "background"  # beside the workers of a host: ships the spool, sends to webhooks
    COMMAND = "command"  # it looks, or changes what the operator says

    @property
    def answers(self) -> bool:
        """Whether it loads models, follows the registry and answers requests."""
        return self in (Part.SERVER, Part.WORKER)

    @property
    def tends(self) -> bool:
        """Whether it does what is done once a host, whoever answers."""
        return self in (Part.SERVER, Part.BACKGROUND)


# The key of Paste's global configuration by which a server of ours tells the application its part.
PART_KEY = "__part__"
