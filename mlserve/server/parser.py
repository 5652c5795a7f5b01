"""waitress's parser of requests, which reads a head that has come before no second time."""

from typing import Any

from waitress.adjustments import Adjustments
from waitress.buffers import OverflowableBuffer
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import FixedStreamReceiver

from mlserve.server.registrations import Registrations

# A client's heads differ by little more than the length of the body. In all, some megabytes at most.
MOST_HEADS = 512
LARGEST = 1024


class Parser(HTTPRequestParser):
    """What a head says follows from its bytes alone. `known`, which the connections of a server share, has what the
    last heads said; the loop is the only thread that parses. `registrations` knows which bodies may be larger.
    """

    adj: Adjustments

    def __init__(
        self, adj: Adjustments, known: dict[bytes, dict[str, Any]], registrations: Registrations | None = None
    ) -> None:
        super().__init__(adj)
        self._known = known
        self._registrations = registrations

    def parse_header(self, header_plus: bytes) -> None:
        self._read_header(header_plus)
        large = self.chunked or self.content_length >= self.adj.max_request_body_size
        if large and self._registrations is not None:
            self.adj = self._registrations.adjustments(self)

    def _read_header(self, header_plus: bytes) -> None:
        said = self._known.get(header_plus)
        if said is not None:
            self.__dict__.update(said)
            self.headers = said["headers"].copy()  # The application around us may change them.
            self._expect_body()
            return
        before = set(self.__dict__) - {"headers"}
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # `http://[` is no address that the standard library can split.
            raise ParsingError("Start line is invalid") from error
        if not self.chunked and len(header_plus) <= LARGEST:
            self._remember(header_plus, before)

    def _expect_body(self) -> None:
        if self.content_length > 0:
            buffer = OverflowableBuffer(self.adj.inbuf_overflow)
            self.body_rcv = FixedStreamReceiver(self.content_length, buffer)

    def _remember(self, header_plus: bytes, before: set[str]) -> None:
        if len(self._known) >= MOST_HEADS:
            self._known.clear()
        said = {name: value for name, value in self.__dict__.items() if name not in before and name != "body_rcv"}
        self._known[header_plus] = {**said, "headers": self.headers.copy()}
