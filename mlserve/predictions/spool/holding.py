"""The two system calls of each kept prediction, made without letting go of the interpreter's lock.

Python lets go of it around every system call. Where several threads wait for it, whoever did gets it back after the
others have had theirs: some 50 µs and two changes of thread, for calls that take 2. A disk that hangs holds up the
whole process then, as it would all its predictions; that of workers is replaced when it is no longer heard of.
"""

import ctypes
import errno
import os
from collections.abc import Callable
from typing import Any, Final

# Of bytes: more of them take long enough for others to compute meanwhile.
SHORT: Final = 16 * 1024
# statx(2): an empty name means the descriptor itself.
_EMPTY_PATH, _LINKS = 0x1000, 0x4
# What it fills, and where in that the number of links is.
Room = ctypes.c_uint32 * 64
_PLACE = 4


def _holding(name: str, returned: Any, *arguments: Any) -> Callable[..., int] | None:
    """A function of the C library; None where that has none of the name."""
    function = getattr(ctypes.PyDLL(None, use_errno=True), name, None)
    if function is not None:
        function.argtypes, function.restype = arguments, returned
    return function


_write = _holding("write", ctypes.c_ssize_t, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
_statx = _holding(
    "statx", ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Room)
)


def write(descriptor: int, data: bytes) -> int:
    """As `os.write`."""
    size = len(data)
    if size > SHORT or _write is None:
        return os.write(descriptor, data)
    written = _write(descriptor, data, size)
    if written < 0:
        number = ctypes.get_errno()
        if number == errno.EINTR:
            return os.write(descriptor, data)
        raise OSError(number, os.strerror(number))
    return written


def links(descriptor: int, room: "ctypes.Array[ctypes.c_uint32]") -> int:
    """How many names a file has; `room` is a `Room` that no other thread uses meanwhile."""
    if _statx is None or _statx(descriptor, b"", _EMPTY_PATH, _LINKS, room) < 0:
        return os.fstat(descriptor).st_nlink
    return room[_PLACE]
