"""Where a movement file's zero lies on the session clock."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.simulate.writers.neuralynx import write_neuralynx
from pipeline.steps.extract import _track_start


def session(folder, starts_at_s):
    rng = np.random.default_rng(0)
    write_neuralynx(folder, rng.normal(size=(4000, 2)) * 50, rate_hz=2000, channels=["a", "b"])
    from pipeline.ingest import open_recording

    part = SimpleNamespace(
        path=str(folder), starts_at_s=starts_at_s, recording=open_recording(folder)
    )
    return [SimpleNamespace(parts=[part])]


@pytest.mark.parametrize(
    ("name", "expected"), [("VT1.nvt", 100.0), ("speed.csv", 0.0), ("../VT1.nvt", 0.0)]
)
def test_a_rigs_video_beside_a_recording_starts_with_it(tmp_path, name, expected):
    folder = tmp_path / "rec"
    folder.mkdir()
    assert _track_start(str(folder / name), session(folder, 100.0)) == expected
