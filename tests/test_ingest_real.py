"""Real files of other labs are read as they are."""

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.ingest import detect_format, open_recording, read_units

pytestmark = pytest.mark.real


@pytest.fixture
def nwb(real_data):
    return real_data / "pynapple_nwb" / "A8604-211122.nwb"


def test_units_of_a_real_nwb_with_empty_metadata(nwb):
    units = read_units(nwb)
    assert [len(times) for times in units.spike_times] == [11020, 4690, 5644]
    assert units.unit_id == ("6", "191", "206")
    assert all(times[0] >= 0 and times[-1] <= 1087.53 for times in units.spike_times)
    # Its location and quality are empty strings: unknown, not an error.
    assert units.region == ("", "", "") and units.quality == ("", "", "")


def test_units_agree_with_pynwb(nwb):
    import pynwb

    with pynwb.NWBHDF5IO(nwb, "r") as file:
        table = file.read().units
        for index, times in enumerate(read_units(nwb).spike_times):
            assert np.array_equal(times, table["spike_times"][index])


def test_a_real_nwb_without_signals_is_no_recording(nwb):
    assert detect_format(nwb) == "nwb"
    with pytest.raises(InputError, match=r"no stream of signals"):
        open_recording(nwb)
