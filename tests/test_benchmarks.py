"""The benchmarks run and write what they say; at toy size, for nothing here asserts a time."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import contenders, extraction, lfp_outcomes, run, spectra


@pytest.fixture
def here(monkeypatch):
    """Contenders run in this process: starting one for each would take a minute."""

    def in_process(module, name, folder, *, repeats=1, **sizes):
        home = {"benchmarks.extraction": extraction, "benchmarks.spectra": spectra}
        home["benchmarks.lfp_outcomes"] = lfp_outcomes
        return contenders.measure(getattr(home[module], name), folder, **sizes)

    for module in (extraction, spectra, lfp_outcomes):
        monkeypatch.setattr(module, "run", in_process)


def written(folder, name):
    content = json.loads((folder / f"{name}.json").read_text())
    assert {"date", "machine", "versions"} <= set(content)
    assert set(content["machine"]) == {"processor", "cores", "system"}
    return content


def test_extraction(here, tmp_path, capsys):
    sizes = {"channels": 3, "seconds": 3.0, "repeats": 1}
    memory = {"memory_channels": 2, "memory_s": (1.0, 2.0)}
    extraction.benchmark(tmp_path, results=tmp_path / "out", **sizes, **memory)
    content = written(tmp_path / "out", "extraction")
    rows = content["contenders"]
    assert set(rows) == {*extraction.RESAMPLERS, "memory-mapped read (sum)"}
    # no time here: what passes above the new Nyquist frequency is a property of the filters
    rejected = {title: rows[title]["alias_550_hz_db"] for title in extraction.RESAMPLERS}
    assert rejected["ours, to netCDF"] == rejected["ours, to memory"] < -70
    assert rejected["spikeinterface resample, to memory"] == pytest.approx(-22.6, abs=0.5)
    assert rejected["scipy resample_poly, to memory"] == pytest.approx(-22.6, abs=0.5)
    assert set(content["memory"]["by_seconds"]) == {"1", "2"}
    said = capsys.readouterr().out
    assert "| spikeinterface resample" in said and "9e+04" not in said


def test_contenders_of_extraction_give_the_same_signal(tmp_path):
    """What is compared does the same: noise and a wave come out at one level.

    The ripple of scipy's decimate is 0.2 dB (0.05 in each pass), 2.3 %.
    """
    folder = extraction.write_noise(tmp_path, channels=2, seconds=12.0)
    levels = [make(folder)()()["rms_uv"] for make in extraction.RESAMPLERS.values()]
    np.testing.assert_allclose(levels, levels[0], rtol=0.025)
    assert extraction.memory_mapped_read(folder)() is None


def test_spectra(here, tmp_path):
    spectra.benchmark(tmp_path, channels=2, seconds=10.0, repeats=1, results=tmp_path)
    rows = written(tmp_path, "spectra")["by_window_s"]
    assert set(rows) == {"1", "4"}
    assert all(row["largest_difference_same_tapers"] < 1e-6 for row in rows.values())


def test_lfp_outcomes(here, tmp_path, monkeypatch):
    from pipeline.steps.sources import Sources

    monkeypatch.setattr(Sources, "__getitem__", Sources.__getitem__)  # put back afterwards
    lfp_outcomes.benchmark(tmp_path, channels=2, seconds=240.0, repeats=1, results=tmp_path)
    content = written(tmp_path, "lfp_outcomes")
    assert "spectrum" in content["sources_s"] and "scored" not in content["sources_s"]
    assert "band_power" in content["metrics"]
    assert content["session"]["epochs"] == 6


def test_a_source_is_told_apart_from_what_it_rests_on():
    class Sources:
        def __getitem__(self, name):
            def spin(n):
                return sum(range(n))

            return spin(2_000_000) if name == "slow" else (self["slow"], 0)

    taken = lfp_outcomes.timed(Sources)
    assert Sources()["quick"]
    assert set(taken) == {"slow", "quick"}
    assert taken["quick"] < 0.5 * taken["slow"]


def test_contenders_run_in_processes_of_their_own(tmp_path):
    folder = extraction.write_tone(tmp_path, seconds=1.0)
    found = contenders.run("benchmarks.extraction", "memory_mapped_read", folder, repeats=2)
    assert found.process_s >= found.cpu_s >= 0
    assert found.peak_mb > found.above_mb >= 0
    with pytest.raises(RuntimeError, match=r"benchmarks\.extraction\.nothing failed"):
        contenders.run("benchmarks.extraction", "nothing", folder)


def test_only_the_benchmarks_that_are_named_run(monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(run, "BENCHMARKS", {"one": seen.append, "two": seen.append})
    assert run.main(["two"]) == 0
    assert len(seen) == 1 and not seen[0].exists()
    assert "cores" in capsys.readouterr().out
