"""Start of the webhooks that the INI declares, and their health."""

import time
from functools import partial
from typing import Any

from pyramid.config import Configurator

from mlserve.application import Application
from mlserve.errors import DatabaseUnavailable
from mlserve.events.outbox import DISABLED
from mlserve.observability.health import Degraded
from mlserve.webhooks import standing
from mlserve.webhooks.declared import Webhook, declared, rules_of
from mlserve.webhooks.sender import PATIENCE, Sender
from mlserve.webhooks.signing import read_signer
from mlserve.webhooks.tending import Tender


def includeme(config: Configurator) -> None:
    application = config.registry.mlserve
    hooks = declared(application.settings)
    if hooks and application.part.tends:
        application.health.add("webhooks", partial(_check, application, [hook.name for hook in hooks]))
        application.at_start(partial(_start, application, hooks))


def _start(application: Application, hooks: tuple[Webhook, ...]) -> None:
    """All are declared before the registry's start, so that they are told of what it brings."""
    rules = rules_of(application.settings)
    senders = [Sender(application, hook, read_signer(hook.secret, hook.secret_key), rules) for hook in hooks]
    threads: list[Tender | Sender] = [Tender(application, hooks, rules), *senders]
    for thread in threads:
        thread.start()
    application.at_stop(partial(_stop, threads))


def _stop(threads: list[Tender | Sender]) -> None:
    """All end at once: the patience is that of the process."""
    for thread in threads:
        thread.ask_to_stop()
    end = time.monotonic() + PATIENCE
    for thread in threads:
        thread.stop(max(0.0, end - time.monotonic()))


def _check(application: Application, names: list[str]) -> dict[str, Any]:
    """Degraded while one of this server's is disabled or fails. Everybody may read it: names and numbers only."""
    try:
        with application.database.read() as connection:
            rows = [row for row in standing.listed(connection) if row["name"] in names]
    except DatabaseUnavailable as error:
        raise Degraded({"reason": str(error)}) from error
    detail = {"webhooks": {row["name"]: {"state": _state(row), "due": row["due"]} for row in rows}}
    if any(row["state"] == DISABLED or row["failing_since"] is not None for row in rows):
        raise Degraded(detail)
    return detail


def _state(row: dict[str, Any]) -> str:
    return "failing" if row["state"] != DISABLED and row["failing_since"] is not None else str(row["state"])
