"""What a cluster must give each job: memory and time from the recording, never from the node.

The tables say how long a session lasts and how many of its channels are analysed; the size of its
files says how much is read (channels x samples x bytes), known before anything is opened. The
memory that is asked for is at least twice what was measured (docs/scale.md), the time several times
as much, for nodes and file systems are slower than the machine it was measured on. Both grow with
each attempt, for a job that was killed for memory or time is submitted again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.experiment import Experiment
from pipeline.experiment.model import Session
from pipeline.steps.inputs import files_of, sortings
from pipeline.steps.sort_settings import is_sorted_here

#: twice the libraries and the working memory of ``measure`` without units (MB)
_BASE_MB = 1000
#: the same of ``extract``, twice what 128 channels take
_EXTRACT_MB = 1500
#: what a session with units gets on top: how many they are, and how many fire, no table tells, and
#: they take 0.4 MB each (500 units, measured: 580 MB in all)
_UNITS_MB = 600
#: part of the LFP that measures hold at a time, twice what was measured
_LFP_SHARE = 1.0
#: sorters were not measured over size: their working memory, and libraries (MB)
_SORT_MB = 6000
#: tables of one session in the jobs over all sessions: 18,000 observations (MB)
_SESSION_MB = 90
#: bytes of a sample of the LFP
_LFP_BYTES = 4
#: slowest reading that a job is given time for: a busy network file system (MB/s)
_READ_MB_PER_S = 20
#: minutes that every job gets: start of Python on a cold file system
_START_MIN = 10
_MB = 1e6


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a session is.

    Attributes
    ----------
    raw_mb : float
        Its files, as they lie on disk.
    lfp_mb : float
        Its LFP as an array, from duration x analysed channels x rate; the whole of the files where
        the tables say neither.
    hours : float
        From its start to the end of its last context; 0 if the tables do not say.
    units : bool
        Whether it has units: a sorting, or one that is made here.
    """

    raw_mb: float
    lfp_mb: float
    hours: float
    units: bool = False


def size_of(experiment: Experiment, session: Session, absent: Mapping[str, int]) -> Size:
    """Return how large a session is.

    Parameters
    ----------
    experiment, session : Experiment, Session
        Whose recording.
    absent : mapping of str to int
        Files that a rule of this run will make, with their sizes.
    """
    raw_mb = sum(int(row[1]) for row in files_of(experiment, session, absent).values()) / _MB
    seconds = max((c.stop_s for c in session.contexts if c.stop_s is not None), default=0.0)
    channels = sum(not channel.bad for channel in session.channels)
    if not session.recordings:
        lfp_mb = 0.0
    elif seconds and channels:
        lfp_mb = channels * seconds * experiment.config.lfp.rate_hz * _LFP_BYTES / _MB
    else:
        lfp_mb = raw_mb
    units = bool(sortings(session)) or is_sorted_here(experiment, session)
    return Size(raw_mb=raw_mb, lfp_mb=lfp_mb, hours=seconds / 3600, units=units)


def extract_needs(size: Size, *, attempt: int = 1) -> dict[str, int]:
    """Return memory (``mem_mb``) and time (``runtime``, minutes) of ``extract``: it streams."""
    return _grown(_EXTRACT_MB, _START_MIN + size.raw_mb / _READ_MB_PER_S / 60, attempt)


def measure_needs(size: Size, *, attempt: int = 1) -> dict[str, int]:
    """Return memory and time of ``measure``: it reads the LFP in pieces, and keeps tables."""
    minutes = _START_MIN + 10 * size.hours + size.lfp_mb / 100
    own = _UNITS_MB if size.units else 0
    return _grown(_BASE_MB + own + _LFP_SHARE * size.lfp_mb, minutes, attempt)


def sort_needs(size: Size, *, attempt: int = 1) -> dict[str, int]:
    """Return memory and time of ``sort``: the preprocessed copy is read in pieces from disk."""
    return _grown(_SORT_MB, 30 + 60 * size.hours + size.raw_mb / 100, attempt)


def cohort_needs(n_sessions: int, *, attempt: int = 1) -> dict[str, int]:
    """Return memory and time of a job over all sessions: tables of all of them in memory."""
    return _grown(2 * _BASE_MB + _SESSION_MB * n_sessions, 20 + n_sessions / 2, attempt)


def _grown(mem_mb: float, runtime: float, attempt: int) -> dict[str, Any]:
    """Twice the memory and the time with every further attempt, in whole MB and minutes."""
    more = 2 ** (attempt - 1)
    return {"mem_mb": int(mem_mb * more), "runtime": int(runtime * more) + 1}
