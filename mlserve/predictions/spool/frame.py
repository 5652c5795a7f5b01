"""The form of one record in a segment: length and CRC-32 of the payload, four bytes each, then the payload."""

import struct
from zlib import crc32

from mlserve.errors import TooLarge

HEADER = struct.Struct("<II")
HEADER_SIZE = HEADER.size
_header_at = HEADER.unpack_from

# A length above this is damage. The last byte of every true one is below 0x20, which no JSON text contains: a payload
# can never hold the forged header of another frame.
LARGEST = 0x1FFFFFFF


def frame(payload: bytes) -> bytes:
    """The payload with its header. Raises TooLarge for one that no reader would take, ValueError for none at all."""
    if not payload:
        raise ValueError("A record of 0 bytes cannot be framed.")
    if len(payload) > LARGEST:
        sizes = f"{len(payload):,} bytes, and at most {LARGEST:,} are kept"
        raise TooLarge(f"The prediction's record has {sizes}; send fewer instances.")
    return HEADER.pack(len(payload), crc32(payload)) + payload


def payload_at(data: bytes, offset: int) -> bytes | None:
    """The payload of the frame that begins at `offset`; None if it is incomplete or damaged."""
    if offset + HEADER_SIZE > len(data):
        return None
    length, check = HEADER.unpack_from(data, offset)
    start = offset + HEADER_SIZE
    if not 0 < length <= LARGEST or start + length > len(data):
        return None
    payload = data[start : start + length]
    return payload if crc32(payload) == check else None


def payloads_at(data: bytes, offset: int, limit: int) -> tuple[list[bytes], int]:
    """The payloads of up to `limit` whole frames, one after the other from `offset`, and where the last one ends."""
    payloads: list[bytes] = []
    end = len(data) - HEADER_SIZE
    while len(payloads) < limit and offset <= end:
        length, check = _header_at(data, offset)
        start = offset + HEADER_SIZE
        payload = data[start : start + length]
        if not 0 < length <= LARGEST or len(payload) < length or crc32(payload) != check:
            break
        payloads.append(payload)
        offset = start + length
    return payloads, offset


def length_at(data: bytes, offset: int) -> int | None:
    """The size of the whole frame by its header alone; None if there is no whole header or no possible length."""
    if offset + HEADER_SIZE > len(data):
        return None
    length: int = HEADER.unpack_from(data, offset)[0]
    return HEADER_SIZE + length if 0 < length <= LARGEST else None
