"""
A session's LFP, and its spectrum in each context
=================================================

``lfp.nc`` opens as an `xarray <https://docs.xarray.dev>`_ array with times, channels and regions.
Nothing is read until it is asked for, so a session of any length opens at once.
"""

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from pipeline.lfp import epoch_spectrum, open_lfp, region_mean

RESULTS = Path(os.environ.get("SET_AND_SETTING_RESULTS", "results"))
SESSION = RESULTS / "sessions" / "rat01_s2"

lfp = open_lfp(SESSION / "lfp.nc")
print(lfp.sizes, lfp.attrs["units"], lfp.attrs["rate_hz"], "Hz")

# %%
# Two seconds of all channels. Times are seconds on the session clock; ``region`` and ``bad`` are
# coordinates of the channels.

piece = lfp.sel(time=slice(700.0, 702.0))
figure, axis = plt.subplots(figsize=(8, 3), layout="constrained")
for row, channel in enumerate(piece["channel"].values):
    one = piece.sel(channel=channel)
    label = f"{channel}, {one['region'].item()}"
    axis.plot(one["time"], one - 600 * row, linewidth=0.6, label=label)
axis.set(xlabel="Time in the session (s)", yticks=[])
figure.legend(loc="outside upper center", ncols=4)

# %%
# The epochs of the session: contexts cut to phases around the dose. ``judgement`` says whether an
# epoch has enough clean time.

epochs = pd.read_csv(SESSION / "epochs.tsv", sep="\t")
epochs[["phase", "context", "start_s", "stop_s", "recorded_s", "judgement"]]

# %%
# One spectrum per context, before and after the dose, by the function that the workflow uses:
# multitaper, median over segments. Artefacts are left in here; the workflow leaves them out
# (:func:`pipeline.lfp.artefact_intervals`).

figure, axes = plt.subplots(1, 3, figsize=(9, 3), sharey=True, layout="constrained")
recorded = epochs[epochs["recorded_s"] > 0]
for axis, (context, rows) in zip(axes, recorded.groupby("context"), strict=True):
    for phase, cell in rows.groupby("phase", sort=False):
        spectrum = epoch_spectrum(lfp, cell[["start_s", "stop_s"]].to_numpy())
        density = region_mean(spectrum.psd).sel(region="mPFC", frequency=slice(1, 60))
        axis.plot(density["frequency"], 10 * np.log10(density), label=phase)
    axis.set(title=context, xlabel="Frequency (Hz)")
axes[0].set_ylabel("mPFC (dB re 1 µV²/Hz)")
axes[0].legend()
plt.show()
