"""The settings table as a page of the reference documentation."""

from collections.abc import Mapping, Sequence

from mlserve.settings.setting import Setting
from mlserve.settings.table import CORE

_INTRODUCTION = """\
# Settings

The settings of the application stand in `[app:main]` of the INI, under names that begin with `mlserve.`; the
environment overrides each under the variable named beside it. A key that is unknown or misspelt, or a value that cannot
be read, stops the start with one sentence. `%(here)s` is the INI's folder, and relative paths start there. What serves
it has a section of its own: waitress `[server:main]`, with [waitress's
keys](../howto/run-in-production.md#threads), and workers [`[server:workers]`](#serverworkers).

| type | what to write |
|---|---|
| bool | `true` or `false` (also `yes`, `no`, `on`, `off`, `1`, `0`) |
| str | a text |
| int | a whole number |
| float | a number: `0.26`, `-1`, `1e-6` |
| duration | a number and its unit: `250ms`, `5s`, `10m`, `1h`, `7d` |
| size | a number and its unit: `512B`, `64KiB`, `8MiB`, `1GiB` (also decimal: `kB`, `MB`, `GB`) |
| path | absolute, relative to the INI's folder, or beginning with `~` |
| list | words separated by spaces, commas or lines |
| choice | one of the words given |
| url | a database: `postgresql://user:password@host/name` or `sqlite:///path/of/file.db`; or `https://host/path` |
"""

# Its own keys, with their own units: whoever reads the page must not write 5s where 5 is meant.
_WORKERS = """\
## `[server:workers]`

What [`mlserve serve`](cli.md#mlserve-serve) takes with `use = egg:pyramid-mlserve#workers`. No variable overrides these
keys. Times are plain numbers, in seconds: `5` or `0.5`, without a unit. [How to choose
them](../howto/run-in-production.md#workers).

| key | default | what it does |
|---|---|---|
| `host` | `127.0.0.1` | The address that it listens on. |
| `port` | `6543` | The port. |
| `unix_socket` | empty | The path of a socket of this machine to listen on instead of both. |
| `unix_socket_perms` | `600` | Who may open that socket, as an octal number. |
| `workers` | `0` | Processes that answer; 0 is one a processor. |
| `slow_workers` | `0` | Processes beside them for what takes long. |
| `slow_from` | `256KiB` | A body of this size and more takes long; a number and its unit. |
| `threads` | `1` | Predictions that a worker computes at once, where they take more than half a millisecond. |
| `waiting` | `64` | Requests that wait for their turn in a worker; one more is answered 503. |
| `patience` | `5` | The seconds that one waits before it is answered 503. |
| `request_timeout` | `60` | The seconds of a request; then its connection is closed, a worker that computes replaced. |
| `idle_timeout` | `75` | The seconds after which a connection without a request is closed. |
| `start_timeout` | `120` | The seconds that a process has to start and to load its models. |
| `stop_timeout` | `30` | The seconds that a worker has to answer what it has begun. |
| `backlog` | `1024` | Connections that wait for a worker. |
| `pin` | `no` | Whether each worker keeps to a processor of its own. |
| `preload` | `yes` | Import what all processes need once, in one that they are forked from; `no`: in each. |
| `trusted_proxy` | empty | The proxy's IP address, or `*` for whoever connects; empty: nobody is believed. |
| `trusted_proxy_headers` | `x-forwarded-proto` | Which headers of the proxy are believed. |
| `trusted_proxy_count` | `1` | How many proxies a request passes. |
"""


def settings_markdown(plugins: Mapping[str, Sequence[Setting]]) -> str:
    """The page docs/reference/settings.md: the core's settings, then each bundled plugin's, by the plugin's name,
    then the keys of the server with workers.
    """
    parts = [_INTRODUCTION, "## Core\n", _table(CORE)]
    for plugin, settings in plugins.items():
        parts += [f"## Plugin `{plugin}`\n", _table(settings)]
    return "\n".join([*parts, _WORKERS])


def _table(settings: Sequence[Setting]) -> str:
    rows = ["| key | type | default | what it does | variable |", "|---|---|---|---|---|"]
    rows += [
        f"| `{setting.name}` | {_type(setting)} | {_code(setting.default_text) or 'empty'} | {_help(setting)} "
        f"| `{_variable(setting)}` |"
        for setting in settings
    ]
    return "\n".join(rows) + "\n"


def _type(setting: Setting) -> str:
    if setting.type == "choice" and setting.choices:
        return ", ".join(_code(choice) for choice in setting.choices)
    return setting.type


def _help(setting: Setting) -> str:
    return setting.help + (f" Example: {_code(setting.example)}." if setting.example else "")


def _variable(setting: Setting) -> str:
    return setting.variable


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
