"""Trouble of the machine, in words: full disks, drives that fall silent, memory that is short.

None of it is a session's fault: the job fails, nothing is written in its place, and the same
command goes on from there once the machine is well.
"""

from __future__ import annotations

import errno
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping

#: errno of the machine's troubles -> what happened, and what to do
_WORDS: Mapping[int, str] = {
    errno.ENOSPC: "the disk is full. Free some space",
    errno.EDQUOT: "your quota on this disk is used up. Free some space, or ask for more",
    errno.EROFS: "the folder is read-only (a drive that was write-protected after an error, or a "
    "network share without the right to write?). Make it writable",
    errno.EIO: "the disk cannot be read or written (a drive that fails, or a cable?). Check it",
    errno.ESTALE: "the network drive has lost this file. Mount it again",
    errno.ETIMEDOUT: "the network drive does not answer. Wait until it does",
}
_MEMORY = (
    "there was not enough memory. Give the workflow fewer --cores, so that fewer sessions are "
    "worked on at once, or take a machine with more memory"
)
_THEN = ", and run the same command again: everything that was finished is kept."
#: HDF5, and a process that draws figures, tell of the system's errors in their text alone
_IN_TEXT = re.compile(r"errno = (\d+)|\[Errno (\d+)\]")
#: seconds between two looks at the process that started this one
_LOOK_S = 0.5


def machine_trouble(error: BaseException) -> str | None:
    """Return what happened to the machine and what to do, or None where it is not the machine.

    Parameters
    ----------
    error : exception
        What a step raised; the exceptions that it came from are looked at too, for libraries wrap
        the system's own.
    """
    for one in _came_from(error):
        if isinstance(one, MemoryError):
            return _MEMORY + _THEN
        number = _number(one)
        if number is not None and number in _WORDS:
            place = getattr(one, "filename", None)
            return (f"{place}: " if place else "") + _WORDS[number] + _THEN
    return None


def _came_from(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _number(error: BaseException) -> int | None:
    """Return the system's number of an error; 0 and None where it has none."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    if isinstance(error, (OSError, RuntimeError)) and (found := _IN_TEXT.search(str(error))):
        return int(found[1] or found[2])
    return None


def end_with_parent() -> None:
    """End this process when the one that started it is gone.

    A workflow that is killed leaves its jobs running. The next run starts them again; a job of the
    old one, with the old settings, must not write over what the new one has written.
    """
    parent = os.getppid()

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_S)
        # no clean-up: what was half written stays under its temporary name
        os._exit(1)

    threading.Thread(target=look, name="parent", daemon=True).start()
