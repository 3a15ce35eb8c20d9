"""``python -m pipeline sample``: the sample experiment's recordings."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def make_if_absent(*, processes: int) -> int:
    """Make the sample recordings unless they are there already."""
    from pipeline.simulate.sample import make_sample, sample_is_complete
    from pipeline.steps.inputs import sample_folder

    folder = sample_folder(REPOSITORY)
    if sample_is_complete(folder):
        print("The sample recordings are there already.")
        return 0
    print("Making the sample recordings (about a minute) ...")
    make_sample(folder, processes=processes, progress=True)
    return 0
