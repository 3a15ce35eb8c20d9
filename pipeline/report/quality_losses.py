"""What was left out of the comparison: by the lab, by the pipeline, or cut as artefact."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report.design_tables import Completeness
from pipeline.report.lookup import text
from pipeline.report.numbers import count, plain, with_unit

LAB, PIPELINE, ARTEFACT = "the lab", "the pipeline", "the pipeline, as artefact"
#: what completeness.tsv calls the reason of a channel that the lab declared bad
_STATED = "channel table"
#: sessions that are named one by one
_NAMED = 6


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One thing that was left out.

    Attributes
    ----------
    what : str
        ``Session``, ``Channels``, ``Time``, ``Units``.
    by : str
        LAB, PIPELINE or ARTEFACT.
    why : str
        The reason as stated.
    how_much : str
        Sessions, channels, seconds or units, with where.
    """

    what: str
    by: str
    why: str
    how_much: str


def losses(rows: Sequence[Mapping[str, Any]], done: Completeness) -> tuple[Loss, ...]:
    """Gather what was left out, reason by reason.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of completeness.tsv.
    done : Completeness
        Which sessions count.
    """
    counted = {line.session for line in done.lines if line.state == "analysed"}
    used = [row for row in rows if text(row["session"]) in counted]
    return (
        *_sessions(done),
        *_channels(used),
        *_time(used),
        *_units(used),
    )


def _sessions(done: Completeness) -> Iterator[Loss]:
    """Sessions that do not count."""
    for lines, by in ((done.excluded, LAB), (done.failed, PIPELINE)):
        reasons: dict[str, list[str]] = {}
        for line in lines:
            reasons.setdefault(line.reason or "no reason was recorded", []).append(line.session)
        for why, who in reasons.items():
            yield Loss(what="Session", by=by, why=why, how_much=_named(who))


def _channels(rows: Sequence[Mapping[str, Any]]) -> Iterator[Loss]:
    """Channels by the kind of their reason: what stands before its colon."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in rows:
        for name, (by, why) in bad_channels(row).items():
            kind = "declared bad" if by == LAB else why.split(":")[0] or "no reason was recorded"
            found.setdefault((by, kind), {}).setdefault(text(row["session"]), []).append(name)
    for (by, why), sessions in sorted(found.items()):
        total = sum(map(len, sessions.values()))
        places = [f"{session} ({', '.join(names)})" for session, names in sessions.items()]
        yield Loss(
            what="Channels", by=by, why=why, how_much=f"{count(total, 'channel')}: {_named(places)}"
        )


def bad_channels(row: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Bad channels of a row of completeness.tsv: by whom (LAB or PIPELINE), and the reason."""
    names = list(filter(None, text(row.get("bad_channels")).split(", ")))
    stated = reasons_of(text(row.get("bad_channel_reasons")), names)
    stated |= reasons_of(text(row.get("loose_channels")), names)
    reasons = {name: stated.get(name, "") for name in names}
    return {name: (LAB if why == _STATED else PIPELINE, why) for name, why in reasons.items()}


def reasons_of(stated: str, channels: Sequence[str]) -> dict[str, str]:
    """Reasons by channel from one cell (``CH1: flat: ...; CH2: channel table``).

    Parameters
    ----------
    stated : str
        The cell; a reason may itself hold colons and semicolons.
    channels : sequence of str
        Names that may begin a reason.
    """
    names = "|".join(re.escape(name) for name in sorted(channels, key=len, reverse=True))
    if not stated or not names:
        return {}
    parts = re.split(rf"(?:^|; )({names}): ", stated)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _time(rows: Sequence[Mapping[str, Any]]) -> Iterator[Loss]:
    """Seconds of each kind of artefact; kinds may overlap."""
    seconds: dict[str, dict[str, float]] = {}
    for row in rows:
        for kind, value in _pairs(row.get("artefact_s")):
            if float(value) > 0:
                seconds.setdefault(kind, {})[text(row["session"])] = float(value)
    recorded = sum(float(text(row.get("duration_s")) or 0) for row in rows)
    for kind, by_session in seconds.items():
        total = sum(by_session.values())
        most = max(by_session, key=lambda session: by_session[session])
        share = f" ({plain(100 * total / recorded, 1)} % of the recorded time)" if recorded else ""
        yield Loss(
            what="Time",
            by=ARTEFACT,
            why=kind,
            how_much=f"{with_unit(plain(total, 0), 's')}{share} in "
            f"{count(len(by_session), 'session')}; most "
            f"{with_unit(plain(by_session[most], 0), 's')}, {most}",
        )


def _units(rows: Sequence[Mapping[str, Any]]) -> Iterator[Loss]:
    """Units that did not enter the comparison; their reasons stand in the table of units."""
    lost = {}
    for row in rows:
        kept, of = text(row.get("n_units_kept")), text(row.get("n_units_sorted"))
        if kept and of and float(of) > float(kept):
            lost[text(row["session"])] = round(float(of) - float(kept))
    if lost:
        most = max(lost, key=lambda session: lost[session])
        yield Loss(
            what="Units",
            by=PIPELINE,
            why="thresholds of the config and labels of the sorting (below, under Units)",
            how_much=f"{count(sum(lost.values()), 'unit')} in {count(len(lost), 'session')}; most "
            f"{lost[most]}, {most}",
        )


def _pairs(cell: Any) -> Iterator[tuple[str, str]]:
    """``amplitude: 27.0; burst: 0.0`` as pairs."""
    for part in filter(None, text(cell).split("; ")):
        kind, _, value = part.rpartition(": ")
        yield kind, value


def _named(sessions: Sequence[str]) -> str:
    """Names, the first few where there are many."""
    shown = ", ".join(sessions[:_NAMED])
    rest = len(sessions) - _NAMED
    return f"{shown} and {rest} more" if rest > 0 else shown
