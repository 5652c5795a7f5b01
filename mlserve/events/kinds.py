"""The kinds of events."""

from typing import Final, Literal, get_args

Kind = Literal[
    "version_registered",
    "version_described",
    "version_retired",
    "alias_moved",
    "alias_removed",
    "call_refused",
    "key_created",
    "key_revoked",
    "user_added",
    "user_changed",
    "user_removed",
    "user_password_changed",
    "user_locked",
    "webhook_disabled",
    "webhook_enabled",
    "webhook_removed",
]
# What becomes of keys, users and webhooks is of no model; a refused call is of one where it asked for one.
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

VERSION_REGISTERED: Final = "version_registered"
VERSION_DESCRIBED: Final = "version_described"
VERSION_RETIRED: Final = "version_retired"
ALIAS_MOVED: Final = "alias_moved"
ALIAS_REMOVED: Final = "alias_removed"
CALL_REFUSED: Final = "call_refused"
KEY_CREATED: Final = "key_created"
KEY_REVOKED: Final = "key_revoked"
USER_ADDED: Final = "user_added"
USER_CHANGED: Final = "user_changed"
USER_REMOVED: Final = "user_removed"
USER_PASSWORD_CHANGED: Final = "user_password_changed"  # noqa: S105 - no password
USER_LOCKED: Final = "user_locked"
WEBHOOK_DISABLED: Final = "webhook_disabled"
WEBHOOK_ENABLED: Final = "webhook_enabled"
WEBHOOK_REMOVED: Final = "webhook_removed"

# Of keys and users, and who was refused; those that are of no model are for administrators.
OF_CALLERS: Final = tuple(kind for kind in KINDS if kind.startswith(("call_", "key_", "user_")))
