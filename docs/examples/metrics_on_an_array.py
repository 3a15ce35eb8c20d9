"""
Metrics on an array, without any experiment
===========================================

The functions behind the metrics take arrays. Here are signals whose true power and true phase
locking are known, so that one sees what the functions measure.
"""

import matplotlib.pyplot as plt
import numpy as np

from pipeline.lfp import band_power, cell_coupling, epoch_spectrum, lfp_array, region_mean
from pipeline.registry import metrics, registered

RATE_HZ, WINDOW_S, WINDOWS = 500.0, 2.0, 200
rng = np.random.default_rng(1)

# %%
# Two regions with an 8-Hz rhythm of 50 µV over 1 µV of noise. In every window of 2 s the second
# lags behind by an angle drawn anew, 0.6 rad on average with a standard deviation of 0.5 rad.

samples = int(RATE_HZ * WINDOW_S)
time = np.arange(samples * WINDOWS) / RATE_HZ
lag = np.repeat(rng.normal(0.6, 0.5, WINDOWS), samples)
phase = 2 * np.pi * 8 * time
signals = 50 * np.column_stack([np.cos(phase), np.cos(phase - lag)])
signals += rng.normal(0, 1, signals.shape)
lfp = lfp_array(signals, rate_hz=RATE_HZ, channels=["a", "b"], region={"a": "CA1", "b": "mPFC"})
whole = [[0.0, len(time) / RATE_HZ]]

# %%
# Band power
# ----------
# A sine of amplitude A has a power of A² / 2: here 1250 µV². The workflow takes the median over
# segments, corrected as for a rhythm that comes and goes; this one never changes, so here it is the
# mean.

spectrum = epoch_spectrum(lfp, whole, aggregate="mean")
density = region_mean(spectrum.psd)
theta = band_power(density, 6, 10, line_hz=None)
print(f"CA1 {theta[0]:.0f} µV², true {50**2 / 2:.0f} µV²")
assert abs(theta[0] - 1250) < 0.02 * 1250

# %%
# The metric of the same name is this function with names and units around it, as the workflow calls
# it:

values = registered()["band_power"].compute(
    spectrum=spectrum,
    options={"lfp": {"bands": {"theta": (6, 10)}}, "recording": {"line_noise_hz": None}},
)
print(metrics()["band_power"].formula)
for value in values:
    print(value.region, value.band, f"{value.value:.0f}", metrics()["band_power"].value_unit)

# %%
# Phase locking
# -------------
# By hand: the phase of each window from its Fourier coefficient at 8 Hz, then the length of the
# mean of the differences. For normal angles the true phase-locking value is exp(-σ² / 2).

windows = signals.reshape(WINDOWS, samples, 2)
coefficients = np.fft.rfft(windows, axis=1)[:, int(8 * WINDOW_S)]
difference = np.angle(coefficients[:, 0]) - np.angle(coefficients[:, 1])
plv = abs(np.exp(1j * difference).mean())
true = np.exp(-(0.5**2) / 2)
print(f"phase-locking value {plv:.2f}, true {true:.2f}")

# %%
# The pipeline's own measure is the pairwise phase consistency: the square of the phase-locking
# value, without its bias in small samples.

coupling = cell_coupling(
    lfp,
    whole,
    options={"window_s": WINDOW_S, "windows": 40, "half_bandwidth_hz": 1.5},
    line_hz=None,
)
locking = coupling.spectra["pairwise_phase_consistency"].sel(pair="CA1~mPFC")
at_8 = float(locking.sel(frequency=8.0))
print(f"pairwise phase consistency at 8 Hz {at_8:.2f}, true {true**2:.2f}")
assert abs(at_8 - true**2) < 0.06

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
shown = density.sel(frequency=slice(1, 40))
left.semilogy(shown["frequency"], shown.T, label=list(shown["region"].values))
left.set(xlabel="Frequency (Hz)", ylabel="Power density (µV²/Hz)")
left.legend()
right.plot(locking["frequency"], locking)
right.axhline(true**2, color="0.5", linestyle="--", linewidth=0.8)
right.set(xlim=(1, 40), xlabel="Frequency (Hz)", ylabel="Pairwise phase consistency")
plt.show()
