"""Whether what is sent to a host stays on this machine. Pure."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """By the address, or the one name that means it everywhere; no other name is looked up."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
