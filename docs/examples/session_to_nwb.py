"""
A session as an NWB file, and back
==================================

The file holds trials, epochs, doses, LFP, units and movement on one clock, ready for an archive.
What stands where: `Export a session to NWB <../python/nwb.html>`_.
"""

import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from pynwb import NWBHDF5IO

import pipeline
from pipeline.commands.export_nwb import export_nwb
from pipeline.lfp import open_lfp
from pipeline.spikes import load_units

RESULTS = Path(os.environ.get("SET_AND_SETTING_RESULTS", "results"))
CONFIG = Path(pipeline.__file__).parents[1] / "config" / "config.yaml"
SESSION = "rat01_s2"

# %%
# What no table says is asked for: the time zone, and the age. Nothing is invented. The sample is
# simulated, so here it is.

folder = tempfile.TemporaryDirectory()
(path,) = export_nwb(
    CONFIG,
    sessions=[SESSION],
    results=RESULTS,
    out=folder.name,
    facts={
        "timezone": "UTC",
        "age": "P12W",
        "experimenter": "Sample, Simulated",
        "institution": "None: simulated",
    },
)
file = NWBHDF5IO(str(path), "r")
nwb = file.read()
print(nwb.session_description)
print(nwb.subject.species, nwb.subject.sex, nwb.subject.age)

# %%
# The tables come out as data frames. Doses:

nwb.events["administrations"].to_dataframe()

# %%
# The cells of the comparison:

nwb.epochs.to_dataframe()[["start_time", "stop_time", "phase", "context", "condition"]]

# %%
# The first trials:

nwb.trials.to_dataframe()[["start_time", "stop_time", "rule", "choice_side", "correct"]].head()

# %%
# What comes back is what went in.

lfp = open_lfp(RESULTS / "sessions" / SESSION / "lfp.nc")
series = nwb.processing["ecephys"]["LFP"]["lfp"]
np.testing.assert_array_equal(series.data[:10_000], lfp[:10_000].values)
units = load_units(RESULTS / "sessions" / SESSION / "units.nc")
times = np.concatenate([nwb.units["spike_times"][unit] for unit in range(len(nwb.units))])
np.testing.assert_array_equal(times, units["spike_time"].values)
print(len(nwb.units), "units,", series.data.shape[1], "channels: equal")

# %%
# One picture from the file alone: spikes, speed, contexts and the dose.

figure, (top, bottom) = plt.subplots(
    2, 1, figsize=(9, 4), sharex=True, height_ratios=[3, 1], layout="constrained"
)
top.eventplot([nwb.units["spike_times"][unit][::10] for unit in range(len(nwb.units))],
              colors="black", linewidths=0.2)  # fmt: skip
speed = nwb.processing["behavior"]["BehavioralTimeSeries"]["speed"]
clock = speed.starting_time + np.arange(len(speed.data)) / speed.rate
bottom.plot(clock, speed.data[:], color="0.4", linewidth=0.5)
colours = {"home_cage": "C0", "open_field": "C1", "set_shifting": "C2"}
for place in nwb.intervals["contexts"].to_dataframe().itertuples():
    for axis in (top, bottom):
        axis.axvspan(place.start_time, place.stop_time, color=colours[place.context], alpha=0.15)
for when in nwb.events["administrations"]["timestamp"].data[:]:
    top.axvline(when, color="red", linestyle="--")
top.set_ylabel("Unit (every tenth spike)")
bottom.set(xlabel="Time in the session (s)", ylabel="Speed (cm/s)", xlim=(0, clock[-1]))
plt.show()

file.close()
folder.cleanup()
