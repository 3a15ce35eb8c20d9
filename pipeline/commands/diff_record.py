"""What changed between the records of two runs (run.json): config, data, software."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.commands.changes import Change, Maker, absent, arrow, flat, shown
from pipeline.errors import InputError
from pipeline.steps.record import FORMAT

RECORD = "run.json"


class FileRow(BaseModel):
    """An input file."""

    file: str
    bytes: int


class Print(BaseModel):
    """How many rows, and what they hash to."""

    rows: int
    sha256: str


class Record(BaseModel):
    """run.json as :func:`pipeline.steps.record.run_record` writes it; parts may be absent."""

    model_config = ConfigDict(extra="ignore")

    format: int = FORMAT
    blinded: bool = False
    config: dict[str, Any] | None = None
    plan: dict[str, Any] | None = None
    sessions: dict[str, dict[str, Any]] | None = None
    anchors: dict[str, dict[str, Any]] | None = None
    files: dict[str, list[FileRow]] | None = None
    observations: dict[str, Print] | None = None
    measurements: Print | None = None
    code: dict[str, str] | None = None
    versions: dict[str, str] | None = None


def read_record(path: Path) -> Record | None:
    """Read the record of a run; None if there is none (an older version wrote none).

    Raises
    ------
    InputError
        If the file is no such record.
    """
    try:
        return Record.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole file"
        raise InputError(
            f"{path}: {place}: {first['msg']}; was it edited, or written by another version?"
        ) from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}; was it cut off?") from None


def compare_records(a: Record | None, b: Record | None) -> Iterator[Change]:
    """Compare two records; without both of them, say what is not compared."""
    if a is None or b is None:
        have = [record is not None for record in (a, b)]
        yield absent("config", RECORD, have, "config, data and software are not compared")
        return
    if a.format != b.format:
        make = Maker("config", f"{RECORD}, format")
        said = f"{a.format} -> {b.format}: config, data and software are not compared"
        yield make("absent", said, cells=(("format", str(a.format), str(b.format)),))
        return
    if a.blinded != b.blinded:
        said = (
            f"{'A' if a.blinded else 'B'} is blinded, the other is not: one has codes where the "
            "other has names, so that their rows do not match by condition"
        )
        cells = (("blinded", str(a.blinded), str(b.blinded)),)
        yield Maker("verdicts", "blinding")("absent", said, cells=cells)
    yield from _config(a, b)
    yield from _part("data", "sessions", a, b, _named("session"))
    yield from _part("data", "anchors", a, b, _named("anchor"))
    yield from _part("data", "files", a, b, _files)
    yield from _part("data", "observations", a, b, _observations)
    yield from _part("data", "measurements", a, b, _measurements)
    yield from _part("software", "versions", a, b, _versions)
    yield from _part("software", "code", a, b, _code)


def _part(section: str, name: str, a: Record, b: Record, compare: Any) -> Iterator[Change]:
    """Compare one part, if both have it."""
    parts = getattr(a, name), getattr(b, name)
    if None in parts:
        have = [part is not None for part in parts]
        yield absent(section, f"{RECORD}: {name}", have, "not compared")
    else:
        yield from compare(*parts)


def _config(a: Record, b: Record) -> Iterator[Change]:
    """Compare the configs; of a blinded run the parts that were kept, and its coded plan."""
    if a.config is None or b.config is None:
        yield from _part("config", "config", a, b, _leaves)
        return
    if a.blinded == b.blinded:
        yield from leaves("config", a.config, b.config)
    else:
        kept = set(a.config) & set(b.config)
        trees = [{key: config[key] for key in sorted(kept)} for config in (a.config, b.config)]
        yield from leaves("config", *trees)
    if a.blinded and b.blinded:
        yield from leaves("config", {"plan": a.plan or {}}, {"plan": b.plan or {}})


def _leaves(a: Any, b: Any) -> Iterator[Change]:
    return leaves("config", a, b)


def leaves(section: str, a: Any, b: Any, *, of: str = "") -> Iterator[Change]:
    """Compare two trees of settings leaf by leaf.

    Parameters
    ----------
    section : str
        Of the changes.
    a, b : mapping
        Nested settings.
    of : str
        What the settings belong to, in front of each key.
    """
    before, after = flat(a) if a else {}, flat(b) if b else {}
    for key in dict.fromkeys((*before, *after)):
        one, other = before.get(key), after.get(key)
        if one == other:
            continue
        make = Maker(section, f"{of}{shown(key)}")
        cells = ((key, one or "", other or ""),)
        if one is None:
            yield make("new", f"new, {shown(after[key])}", cells=cells, rank=(of, key))
        elif other is None:
            yield make("vanished", f"gone, was {shown(one)}", cells=cells, rank=(of, key))
        else:
            yield make("changed", arrow(one, other), cells=cells, rank=(of, key))


def _named(kind: str) -> Any:
    """Return a comparison of rows by name: new ones, vanished ones, changed cells."""

    def compare(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Change]:
        for name in sorted({*a, *b}):
            what = f"{kind} {shown(name)}"
            if name in a and name in b:
                yield from leaves("data", a[name], b[name], of=f"{what}, ")
            else:
                state = ("new", "added") if name in b else ("vanished", "removed")
                yield Maker("data", what)(*state, rank=(what, ""))

    return compare


def _files(
    a: Mapping[str, Sequence[FileRow]], b: Mapping[str, Sequence[FileRow]]
) -> Iterator[Change]:
    for session in sorted({*a, *b}):
        what = f"files of session {shown(session)}"
        if session not in a or session not in b:
            where, rows = ("B", b[session]) if session in b else ("A", a[session])
            kind = "new" if where == "B" else "vanished"
            said = f"read in {where} only ({len(rows)} file{'s' * (len(rows) != 1)})"
            yield Maker("data", what)(kind, said, rank=(what, ""))
            continue
        sizes = [{row.file: f"{row.bytes} bytes" for row in rows[session]} for rows in (a, b)]
        for name in sorted({*sizes[0], *sizes[1]}):
            one, other = (size.get(name, "") for size in sizes)
            if one != other:
                kind = "changed" if one and other else ("new" if other else "vanished")
                said = f"{one or 'not there'} -> {other or 'not there'}"
                make = Maker("data", f"{what}, {shown(name)}")
                yield make(kind, said, cells=((name, one, other),), rank=(what, name))


def _observations(a: Mapping[str, Print], b: Mapping[str, Print]) -> Iterator[Change]:
    for session in sorted({*a, *b}):
        none = Print(rows=0, sha256="")
        what = f"observations of session {shown(session)}"
        yield from _prints(what, a.get(session, none), b.get(session, none))


def _measurements(a: Print, b: Print) -> Iterator[Change]:
    return _prints("rows of measurements.tsv", a, b)


def _prints(what: str, a: Print, b: Print) -> Iterator[Change]:
    if a == b:
        return
    said = f"{a.rows} -> {b.rows}" if a.rows != b.rows else f"{a.rows} in both, values differ"
    cells = (("rows", str(a.rows), str(b.rows)), ("sha256", a.sha256, b.sha256))
    yield Maker("data", what)("changed", said, cells=cells, rank=(what, ""))


def _versions(a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted({*a, *b}):
        one, other = a.get(name, ""), b.get(name, "")
        if one != other:
            # versions are words: 1.10 is not 1.1
            said = f"{shown(one)} -> {shown(other)}"
            make = Maker("software", shown(name))
            yield make("changed", said, cells=((name, one, other),), rank=(1, name))


def _code(a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[Change]:
    for step in sorted({*a, *b}):
        one, other = a.get(step, ""), b.get(step, "")
        if one != other:
            make = Maker("software", f"our code for the step {shown(step)}")
            said = f"{shown(one)} -> {shown(other)}"
            yield make("changed", said, cells=((step, one, other),), rank=(0, step))
