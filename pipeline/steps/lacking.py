"""Which outcomes of the LFP have no value in a cell because its clean time is too broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.intervals import Intervals, total_seconds

#: sources of the LFP that are made once per cell
POOLED = ("coupling", "phase_amplitude", "complexity")


@dataclass(frozen=True, eq=False)
class CellTime:
    """One cell: its name, its clean seconds, and which sources of the LFP it has.

    Attributes
    ----------
    name : str
        Phase and context.
    clean : ndarray, shape (n, 2)
        Recorded seconds without artefacts.
    has : mapping of str to bool
        Whether spectrum, coupling, phase_amplitude and complexity could be made.
    """

    name: str
    clean: Intervals
    has: Mapping[str, bool]


@dataclass(frozen=True)
class _Need:
    """What a kind of outcome needs of the clean time."""

    source: str
    words: str
    window_s: float
    windows: int
    margin_s: float = 0.0
    said: str = ""

    def fits(self, clean: Intervals) -> int:
        """Windows that the clean stretches hold, filters' margins apart."""
        stretches = clean[:, 1] - clean[:, 0] - 2 * self.margin_s
        return int(np.floor(np.clip(stretches, 0, None) / self.window_s + 1e-9).sum())


def lacking_values(
    cells: Sequence[CellTime], options: Mapping[str, Any], *, n_regions: int
) -> list[str]:
    """Name, per kind of outcome, the cells without a value: it must not vanish in silence.

    Parameters
    ----------
    cells : sequence of CellTime
        All cells of a session with LFP; those without recorded time are passed over.
    options : mapping
        The config's section lfp.
    n_regions : int
        Regions with a good channel; coupling needs two.
    """
    warnings = []
    for need in _needs(options):
        if need.source == "coupling" and n_regions < 2:
            continue
        elsewhere = any(cell.has.get(need.source) for cell in cells)
        without = [
            cell
            for cell in cells
            if len(cell.clean)
            and not cell.has.get(need.source)
            and (elsewhere or need.fits(cell.clean) < need.windows)
        ]
        if without:
            named = "; ".join(f"{cell.name} ({_pieces(cell.clean)})" for cell in without)
            warnings.append(
                f"{need.words}: no value in {named}: too few unbroken windows, {need.said} needed"
            )
    return warnings


def _pieces(clean: Intervals) -> str:
    """Clean seconds, and the longest stretch of them."""
    longest = float((clean[:, 1] - clean[:, 0]).max())
    return f"{total_seconds(clean):.0f} s clean, at most {longest:.1f} s in one piece"


def _needs(options: Mapping[str, Any]) -> list[_Need]:
    coupling, complexity = options["coupling"], options["complexity"]
    block_s, segment_s = options["phase_amplitude"]["seconds"], options["segment_s"]
    return [
        _Need(
            "spectrum", "spectra", segment_s, 1, said=f"one of {segment_s:g} s",
        ),
        _Need(
            "coupling", "coupling between regions", coupling["window_s"], coupling["windows"],
            said=f"{coupling['windows']} of {coupling['window_s']:g} s",
        ),
        # blocks are dealt from all that the filters' ends leave, a tenth of a second at a time
        _Need(
            "phase_amplitude", "phase-amplitude coupling", 0.1, round(10 * block_s), 2.0,
            said=f"{block_s:g} s beside 4 s of every piece",
        ),
        _Need(
            "complexity", "complexity", complexity["window_s"], complexity["windows"], 1.0,
            said=f"{complexity['windows']} of {complexity['window_s']:g} s beside 2 s of every "
            "piece",
        ),
    ]  # fmt: skip
