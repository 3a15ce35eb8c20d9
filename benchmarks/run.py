"""``make bench``: every benchmark of speed and memory, its tables printed, its numbers written.

Run ``python -m benchmarks.run`` from the repository, or name some of them: ``python -m
benchmarks.run spectra``. Data are made in a temporary folder (about 3 GB) and removed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import (
    by_hand,
    cohort_growth,
    dry_run,
    extraction,
    lfp_outcomes,
    report_size,
    session_growth,
    spectra,
    spikes_outcomes,
    spikes_peers,
)
from benchmarks.contenders import machine

BENCHMARKS = {
    "extraction": extraction.benchmark,
    "spectra": spectra.benchmark,
    "lfp_outcomes": lfp_outcomes.benchmark,
    "spikes_peers": spikes_peers.benchmark,
    "spikes_outcomes": spikes_outcomes.benchmark,
    "dry_run": dry_run.benchmark,
    "session_growth": session_growth.benchmark,
    "cohort_growth": cohort_growth.benchmark,
    "report_size": report_size.benchmark,
    "by_hand": by_hand.benchmark,
}


def main(arguments: Sequence[str]) -> int:
    """Run the benchmarks that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], metavar="NAME")
    names = parser.parse_args(arguments).names or list(BENCHMARKS)
    print(", ".join(f"{key}: {value}" for key, value in machine().items()), flush=True)
    for name in names:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            BENCHMARKS[name](Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
