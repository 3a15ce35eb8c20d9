"""Files appear whole or not at all."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path.parent)
    # Beside the file, for a rename must not cross file systems. A folder, so that the name stays
    # (writers look at it; gzip writes it down). Of this process alone: where one is started again
    # while the other still runs, neither may rename what the other has half written.
    folder = Path(tempfile.mkdtemp(prefix=f"{_own()}-{os.getpid()}-", dir=path.parent))
    try:
        partial = folder / path.name
        yield partial
        partial.replace(path)
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
