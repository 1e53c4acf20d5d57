"""No network, but for this machine: each Python that the tests start reads this first.

`tests.offline` puts this folder on the path. What asks for the network all the same gets the error
of a machine that has none, and is written down, lest somebody catches that error and says nothing.
"""

import errno
import ipaddress
import os
import socket
import sys

WHERE = {"socket.connect": 1, "socket.sendto": 1, "socket.getaddrinfo": 0}


def refuse(event: str, arguments: tuple) -> None:
    """An audit hook: see `sys.addaudithook`."""
    if (place := WHERE.get(event)) is None:
        return
    address = arguments[place]
    host = address[0] if isinstance(address, tuple) else address if place == 0 else None
    if host is None or _is_here(host):  # a path is a socket of this machine
        return
    with open(os.environ["COURSE_ASKED"], "a", encoding="utf-8") as asked:
        asked.write(f"{host}\n")
    raise OSError(errno.ENETUNREACH, f"The tests run without a network: {host} is out of reach")


def _is_here(host: str | bytes) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in ("", "localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


sys.addaudithook(refuse)
