"""A receiver of webhooks on this machine: keeps what it is sent, and answers as it is told."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, yes").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret of many more bytes").decode()

# What it answers: the status, and headers.
Answer = tuple[int, dict[str, str]]


@dataclass(frozen=True)
class Message:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str = SECRET) -> Any:
        """What it says; the specification's own library refuses a wrong signature."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver:
    """`answer(message)` may be replaced; messages are kept before they are answered."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}/hook/t0ken"
        self.messages: list[Message] = []
        self.answer: Callable[[Message], Answer] = lambda message: (204, {})

    @property
    def events(self) -> list[tuple[str, str | None]]:
        """Kind and model of each message, in order of arrival."""
        return [(it["type"], it["data"].get("model")) for it in map(json.loads, (m.body for m in self.messages))]


@contextmanager
def receiving() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers["content-length"]))
            receiver.messages.append(message := Message(self.path, headers, body))
            status, more = receiver.answer(message)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Who was killed waits for no answer."""

    server = Server(("127.0.0.1", 0), Handler)
    receiver = Receiver(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def hook_settings(folder: Path, receiver: Receiver, name: str = "ops", **more: str) -> dict[str, str]:
    """INI keys that declare a webhook; `events="…"` means `mlserve.webhooks.NAME.events`."""
    secret = folder / f"{name}.secret"
    secret.write_text(SECRET + "\n")
    return {
        f"mlserve.webhooks.{name}": receiver.url,
        f"mlserve.webhooks.{name}.secret": str(secret),
        **{f"mlserve.webhooks.{name}.{key}": value for key, value in more.items()},
    }
