"""Library exceptions become errors that a lab member can act on."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import InputError

#: trouble of the machine, not of the file: the run must stop, not the session
MACHINE_ERRORS = tuple(
    getattr(errno, name)
    for name in ("ENOSPC", "EIO", "EROFS", "EDQUOT", "ESTALE", "ETIMEDOUT")
    if hasattr(errno, name)
)


@contextmanager
def reading(path: str | Path, kind: str, *, likely: str) -> Iterator[None]:
    """Turn whatever a reader raises on a bad file into an InputError.

    Parameters
    ----------
    path : path
        What is read.
    kind : str
        As what it is read ("Open Ephys recording").
    likely : str
        Likely causes, for the message.

    Raises
    ------
    InputError
        For any exception of the reader except lack of memory and trouble of the disk or network,
        which are not the file's fault and pass unchanged.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    # Readers raise assertion, key, index, struct, unicode and plain errors, as it comes.
    except Exception as error:
        if isinstance(error, OSError) and error.errno in MACHINE_ERRORS:
            raise
        said = " ".join(str(error).split()) or "no message"
        raise InputError(
            f"{path}: cannot be read as {kind}. Likely cause: {likely}. The reader said: "
            f"{type(error).__name__}: {said[:500]}"
        ) from error
