"""The listening sockets of the workers, one a slot, at one address (`SO_REUSEPORT`, socket(7)).

Workers that share a socket do not share its connections: the first one that wakes takes all that wait. So each slot has
a socket of its own, which outlives its processes, and the kernel is told between which of them to draw: those whose
process answers. Behind a path there is one socket for all, since the kernel knows no other.
"""

import ctypes
import logging
import socket
import struct
from collections.abc import Sequence

from mlserve.server.workers.listening import beside, end_listening, listen
from mlserve.server.workers.section import Section

log = logging.getLogger("mlserve.workers")

# asm/socket.h, and the instructions of a classic BPF program (linux/filter.h): code, jumps if true and false, value.
_ATTACH = 51  # SO_ATTACH_REUSEPORT_CBPF
_INSTRUCTION, _PROGRAM = struct.Struct("HBBI"), struct.Struct("HP")
_LOAD, _MODULO, _IF_EQUAL, _RETURN = 0x20, 0x94, 0x15, 0x06
_NOBODY = ""
_RANDOM = 0x1_0000_0000 - 0x1000 + 56  # SKF_AD_OFF + SKF_AD_RANDOM


class Doors:
    """At the address of a section called `[name]`; listens from its construction on. Raises ConfigurationError."""

    def __init__(self, section: Section, name: str) -> None:
        self._backlog = section.backlog
        self._is_shared = bool(section.unix_socket)
        # The kernel numbers them in the order in which they began to listen. The first one is nobody's yet.
        self._open = [(_NOBODY, listen(section, name))]
        self._open_to: list[str] = []

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port, which is the one that it was given where the section says 0; None behind a path."""
        where = self._open[0][1].getsockname()
        return None if self._is_shared else (where[0], where[1])

    def of(self, slot: str) -> socket.socket:
        """The socket of a slot, opened where it has none. Raises OSError."""
        if self._is_shared:
            return self._open[0][1]
        for place, (name, door) in enumerate(self._open):
            if name in (slot, _NOBODY):
                self._open[place] = (slot, door)
                return door
        opened = beside(self._open[0][1], self._backlog)
        self._open.append((slot, opened))
        return opened

    def open_to(self, slots: Sequence[str]) -> None:
        """From now on new connections are for these only; where none of them has a door, nothing changes."""
        names = [name for name, _ in self._open]
        ours = [name for name in slots if name in names]
        # Of one alone there is nothing to draw, and the kernel refuses to be told.
        if ours == self._open_to or not ours or len(names) < 2:
            return
        self._open_to = ours
        try:
            _draw(self._open[0][1], [names.index(name) for name in ours])
        except OSError as error:  # Then the kernel draws between all.
            log.warning("doors_not_chosen", extra={"fields": {"reason": str(error)}})

    def close(self, slot: str) -> None:
        """That of a slot, unless it is the only one: who waits there is told so, and asks again."""
        for place, (name, door) in enumerate(self._open):
            if name == slot and len(self._open) > 1:
                end_listening(door.fileno())  # Also where a process that its workers have forked still has it.
                door.close()
                # As the kernel does: the last one takes its number.
                self._open[place] = self._open[-1]
                self._open.pop()
                again, self._open_to = self._open_to, []
                self.open_to(again)
                return

    def shut(self) -> None:
        """One more at most is let in at each: whoever is not asks again by itself."""
        for _, door in self._open:
            door.listen(0)

    def close_all(self) -> None:
        for _, door in self._open:
            door.close()


def _draw(door: socket.socket, numbers: Sequence[int]) -> None:
    """Let the kernel draw one of the sockets of these numbers for each connection. Raises OSError."""
    program = [(_LOAD, 0, 0, _RANDOM), (_MODULO, 0, 0, len(numbers))]
    for place, number in enumerate(numbers):
        program += [(_IF_EQUAL, 0, 1, place), (_RETURN, 0, 0, number)]
    program.append((_RETURN, 0, 0, numbers[0]))
    text = ctypes.create_string_buffer(b"".join(_INSTRUCTION.pack(*instruction) for instruction in program))
    door.setsockopt(socket.SOL_SOCKET, _ATTACH, _PROGRAM.pack(len(program), ctypes.addressof(text)))
