"""Text of a log, or why it is none: other encodings, web pages, binary files."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import InputError

#: more than this is no behaviour log (a day of events is some megabytes)
LARGEST_TEXT_BYTES = 500_000_000
_HTML = ("<!doctype html", "<html", "<table", "<?xml")


def read_log_text(path: str | Path, *, legacy: bool = False) -> str:
    """Return the text of a log.

    Parameters
    ----------
    path : path
        The log.
    legacy : bool
        Whether bytes that are no UTF-8 are read as Windows-1252, which old rigs write in names and
        comments. Only for formats whose numbers and keywords are plain ASCII.

    Returns
    -------
    str
        Without byte order mark; line ends as in the file.

    Raises
    ------
    InputError
        Missing or empty file, UTF-16, NUL bytes, web pages, other encodings than UTF-8, more bytes
        than any log has.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: not found; check the 'behaviour' column of the sessions table")
    size = path.stat().st_size
    if size > LARGEST_TEXT_BYTES:
        raise InputError(
            f"{path}: found {size / 1e6:.0f} MB; expected at most {LARGEST_TEXT_BYTES / 1e6:.0f}: "
            "this is no behaviour log"
        )
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(
            f"{path}: found UTF-16 text; expected UTF-8: save it as 'CSV UTF-8', or as UTF-8 in "
            "the editor"
        )
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise InputError(
            f"{path}: line {line}: found a NUL byte; expected text (a binary file, UTF-16, or the "
            "disk's rest after a crash)"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if not legacy:
            line = data[: error.start].count(b"\n") + 1
            raise InputError(
                f"{path}: line {line}, byte {error.start}: no UTF-8 text; save it as 'CSV UTF-8' "
                "(Excel's plain CSV is in the encoding of the computer)"
            ) from error
        text = data.decode("cp1252", errors="replace")
    start = text[:200].lstrip().casefold()
    if start.startswith(_HTML):
        raise InputError(
            f"{path}: found a web page or XML ('{text.strip()[:20]}'); expected the log itself: "
            "download or export it again"
        )
    return text
