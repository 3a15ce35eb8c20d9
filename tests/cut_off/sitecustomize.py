"""Refuses every use of a network, and writes it down: for runs that must need none.

Python loads this at its start where the folder is on PYTHONPATH (see cut_off in workflow_runs.py).
Sockets of the machine itself that have a path (AF_UNIX) are let through: processes talk by them.
"""

import os
import sys

EVENTS = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind")
#: urllib3 asks at its import whether the machine has IPv6: nothing is sent, nobody can connect
QUESTION = ("socket.bind", ("::1", 0))
NAMES = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")


def _refuse(event, arguments):
    if event in EVENTS:
        address = arguments[1]
        if isinstance(address, str | bytes) or address is None or (event, address) == QUESTION:
            return
    elif event in NAMES:
        address = arguments[0]
    else:
        return
    with open(os.environ["NETWORK_LOG"], "a", encoding="utf-8") as log:  # noqa: PTH123
        log.write(f"{event} {address!r} {sys.argv[:2]}\n")
    raise ConnectionRefusedError(f"this run has no network: {event} {address!r}")


sys.addaudithook(_refuse)
