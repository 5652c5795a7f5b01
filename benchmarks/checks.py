"""Nothing is measured before a server has given the library's own answers, and refused what it must."""

from collections.abc import Sequence

from benchmarks.peers.server import Failed, Server, encode
from benchmarks.works import Work


def check(server: Server, works: Sequence[Work]) -> int:
    """Post every request of each work once, and some that must be refused: how many were answered.

    Raises Failed at the first answer that is not the library's, or that should have been refused.
    """
    connection = server.process.connection()
    for work in works:
        for number in range(work.count):
            if not server.is_right(connection, work, number):
                status, text = server.post(connection, work, server.body(work, number))
                expected = work.expected(number)[:3]
                raise Failed(f"it answers {status} {text[:300]!r} where the library says {expected} to {work.name}")
        for body in refused(server, work):
            status, text = server.post(connection, work, body)
            if status != 422:
                raise Failed(f"it answers {status} where it should refuse {body!r}: {text[:300]!r}")
    connection.close()
    return sum(work.count for work in works)


def refused(server: Server, work: Work) -> list[bytes]:
    if not server.refuses or work.n > 1:
        return []
    return [b'{"instances":[]}', *(encode({"instances": [instance]}) for instance in work.model.refused)]
