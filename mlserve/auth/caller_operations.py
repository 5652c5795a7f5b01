"""What the resources of keys and users take and answer, for the OpenAPI document."""

from typing import Final

from mlserve.api.operations import NO_DATABASE, Operation
from mlserve.api.reason import REASON, ReasonQuery
from mlserve.api.schema_parts import TEXT_OR_NULL, TIME, open_object
from mlserve.auth.identity import NAME
from mlserve.auth.passwords import LONGEST, SHORTEST
from mlserve.auth.roles import ADMIN, ROLES
from mlserve.names import MODEL_NAME
from mlserve.signature.json_schema import JsonObject

_NAME: JsonObject = {"type": "string", "pattern": f"^{NAME.pattern}$"}
_ROLES: JsonObject = {"type": "array", "minItems": 1, "items": {"enum": [*ROLES]}}
_MODELS: JsonObject = {
    "type": ["array", "null"],
    "minItems": 1,
    "items": {"type": "string", "pattern": f"^{MODEL_NAME.pattern}$"},
    "description": "The only models that it is for; null: all.",
}
_PASSWORD: JsonObject = {
    "type": "string",
    "format": "password",
    "writeOnly": True,
    "minLength": SHORTEST,
    "maxLength": LONGEST,
}
_TIME_OR_NULL: JsonObject = {**TIME, "type": ["string", "null"]}
_RIGHTS: JsonObject = {
    "name": {"type": "string", "description": "Stands in the records of what it asks for."},
    "roles": {"type": "array", "items": {"type": "string"}},
    "models": {"type": ["array", "null"], "items": {"type": "string"}, "description": "null: all."},
    "created_at": TIME,
    "created_by": {"type": "string"},
}
_KEY_PROPERTIES: JsonObject = {
    "id": {"type": "string"},
    **_RIGHTS,
    "state": {"enum": ["works", "expired", "revoked"]},
    "expires_at": _TIME_OR_NULL,
    "last_used_at": {**_TIME_OR_NULL, "description": "To the minute."},
    "revoked_at": _TIME_OR_NULL,
    "revoked_by": TEXT_OR_NULL,
}
_KEY = open_object("key", "A key, without its secret.", _KEY_PROPERTIES)
_NEW_KEY = open_object(
    "new_key",
    "A key that was made.",
    {**_KEY_PROPERTIES, "key": {"type": "string", "description": "The key itself, shown this once."}},
)
_USER = open_object(
    "user",
    "A user.",
    {
        **_RIGHTS,
        "last_login_at": _TIME_OR_NULL,
        "locked_until": {**_TIME_OR_NULL, "description": "After failed logins; null where they may log in."},
    },
)
_LOCATION: JsonObject = {"Location": {"type": "string", "format": "uri-reference", "description": "Its address."}}
_OF_KEY: JsonObject = {"id": {"type": "string", "description": "The key's id, with or without the `mls_` before it."}}
_OF_USER: JsonObject = {"name": {"type": "string", "description": "The user's name."}}
_PROBLEMS: Final = ("auth_off", NO_DATABASE)


def _body(required: tuple[str, ...], **properties: JsonObject) -> JsonObject:
    return {"type": "object", "additionalProperties": False, "required": [*required], "properties": properties}


KEYS = {
    "get": Operation(
        summary="List the keys",
        description="The newest first, revoked and expired ones too, all without their secrets.",
        answer=open_object("keys", "The keys.", {"keys": {"type": "array", "items": _KEY}}),
        problems=_PROBLEMS,
        needs=ADMIN,
        lists=True,
    ),
    "post": Operation(
        summary="Make a key",
        description="The answer shows it, once. Who is of some models makes keys of these only.",
        answer=_NEW_KEY,
        answers={201: _NEW_KEY},
        body=_body(
            ("name", "roles"), name=_NAME, roles=_ROLES, models=_MODELS, expires_at=_TIME_OR_NULL, reason=REASON
        ),
        problems=(*_PROBLEMS, "forbidden"),
        answer_headers=_LOCATION,
        needs=ADMIN,
        lists=True,
    ),
}
KEY = {
    "get": Operation(
        summary="Read a key", answer=_KEY, problems=("key_unknown", *_PROBLEMS), path=_OF_KEY, needs=ADMIN, lists=True
    ),
    "delete": Operation(
        summary="Revoke a key",
        description="It stops working here at once, elsewhere within `mlserve.auth.interval`; it goes on to be listed.",
        answer=_KEY,
        query=ReasonQuery,
        problems=("key_unknown", "last_admin", *_PROBLEMS),
        path=_OF_KEY,
        needs=ADMIN,
        lists=True,
    ),
}
USERS = {
    "get": Operation(
        summary="List the users",
        answer=open_object("users", "The users by name.", {"users": {"type": "array", "items": _USER}}),
        problems=_PROBLEMS,
        needs=ADMIN,
        lists=True,
    ),
    "post": Operation(
        summary="Add a user",
        description="Who is of some models adds users of these only.",
        answer=_USER,
        answers={201: _USER},
        body=_body(
            ("name", "password", "roles"), name=_NAME, password=_PASSWORD, roles=_ROLES, models=_MODELS, reason=REASON
        ),
        problems=("user_exists", "busy", *_PROBLEMS, "forbidden"),
        answer_headers=_LOCATION,
        needs=ADMIN,
        lists=True,
    ),
}
USER = {
    "get": Operation(
        summary="Read a user",
        answer=_USER,
        problems=("user_unknown", *_PROBLEMS),
        path=_OF_USER,
        needs=ADMIN,
        lists=True,
    ),
    "patch": Operation(
        summary="Change a user",
        description="What is given. A new password ends the user's sessions and any lock; with other roles and models "
        "they go on.",
        answer=_USER,
        body=_body((), password=_PASSWORD, roles=_ROLES, models=_MODELS, reason=REASON),
        problems=("user_unknown", "last_admin", "busy", *_PROBLEMS, "forbidden"),
        path=_OF_USER,
        needs=ADMIN,
        lists=True,
    ),
    "delete": Operation(
        summary="Remove a user",
        description="Their sessions end.",
        answer=_USER,
        query=ReasonQuery,
        problems=("user_unknown", "last_admin", *_PROBLEMS),
        path=_OF_USER,
        needs=ADMIN,
        lists=True,
    ),
}
