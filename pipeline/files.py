"""Files and folders appear whole or not at all."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

#: what the folders of unfinished files are called; the machine and the process follow
PARTIAL = ".partial-"


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Temporary path of the same name, moved to `path` when the block ends without an exception.

    Parameters
    ----------
    path : str or Path
        The file to write; its folder is made if absent. Nobody ever sees it half written.

    Yields
    ------
    Path
        Where to write: a file of the same name in a folder of its own beside `path`. A process that
        is killed leaves that folder; the next one that writes beside it removes it.
    """
    path = Path(path)
    with _workshop(path.parent) as folder:
        partial = folder / path.name
        yield partial
        partial.replace(path)


@contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """Empty folder of the same name, moved to `path` when the block ends without an exception.

    Parameters
    ----------
    path : str or Path
        The folder to write. Nobody ever sees it half filled: what was there is moved away whole
        before the new one is moved in. A process that is killed between the two leaves none.

    Yields
    ------
    Path
        Where to write; as for :func:`replacing`.
    """
    path = Path(path)
    with _workshop(path.parent) as folder:
        partial = folder / path.name
        partial.mkdir()
        yield partial
        for number in count():
            with suppress(FileNotFoundError):
                path.rename(folder / f"{number}-{path.name}")
            try:
                partial.rename(path)
            except OSError as error:
                # another process has moved its own in between the two
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            else:
                return


@contextmanager
def _workshop(parent: Path) -> Iterator[Path]:
    """Folder for what is unfinished, gone at the end; leftovers beside it are removed."""
    parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(parent)
    # Beside the file, for a rename must not cross file systems. A folder, so that the name stays
    # (writers look at it; gzip writes it down). Of this process alone: where one is started again
    # while the other still runs, neither may rename what the other has half written.
    folder = Path(tempfile.mkdtemp(prefix=f"{_own()}-{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _own() -> str:
    """Return how the temporary folders of this machine begin; the process follows."""
    return f"{PARTIAL}{platform.node()}"


def _remove_leftovers(parent: Path) -> None:
    """Remove what processes of this machine left that are gone; of others nothing is known."""
    for folder in parent.glob(f"{PARTIAL}*"):
        machine, _, rest = folder.name.rpartition("-")[0].rpartition("-")
        if machine == _own() and rest.isdigit() and not _is_running(int(rest)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True
