"""What a service manager is told: systemd's `Type=notify` (sd_notify(3))."""

import os
import socket
import time
from contextlib import suppress


def tell_manager(state: str) -> None:
    """`READY=1`, `RELOADING=1` or `STOPPING=1`. Where no manager asks for it nothing happens."""
    place = os.environ.get("NOTIFY_SOCKET")
    if not place:
        return
    words = f"{state}\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"  # A reload has to say when it began.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
        way.sendto(words.encode(), f"\0{place[1:]}" if place.startswith("@") else place)
