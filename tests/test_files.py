"""Files appear whole or not at all, even where two processes write the same one."""

from __future__ import annotations

import gzip
import os
import platform
import subprocess
import sys

import pandas as pd
import pytest

from pipeline.files import PARTIAL, replacing


def test_a_file_appears_when_the_block_ends(tmp_path):
    with replacing(tmp_path / "deep" / "a.txt") as part:
        part.write_text("whole")
        assert part.name == "a.txt"
        assert not (tmp_path / "deep" / "a.txt").exists()
    assert (tmp_path / "deep" / "a.txt").read_text() == "whole"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.txt"]


def test_an_exception_leaves_what_was_there(tmp_path):
    (tmp_path / "a.txt").write_text("before")
    with pytest.raises(ValueError, match="stop"), replacing(tmp_path / "a.txt") as part:
        part.write_text("ha")
        raise ValueError("stop")
    assert (tmp_path / "a.txt").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_two_writers_of_one_file_do_not_see_each_others_halves(tmp_path):
    """The first ends while the second has written half: what stands there is whole."""
    with replacing(tmp_path / "a.txt") as second:
        with replacing(tmp_path / "a.txt") as first:
            first.write_text("whole")
            second.write_text("ha")
        assert (tmp_path / "a.txt").read_text() == "whole"
        second.write_text("half, now whole")
    assert (tmp_path / "a.txt").read_text() == "half, now whole"


def test_leftovers_of_killed_processes_are_removed_and_no_others(tmp_path):
    code = (
        "import os, sys; from pipeline.files import replacing\n"
        "with replacing(sys.argv[1]) as part: part.write_text('half'); os._exit(9)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "big.nc")]
    assert subprocess.run(command, check=False).returncode == 9
    (left,) = tmp_path.glob(f"{PARTIAL}*")
    assert (left / "big.nc").read_text() == "half"
    elsewhere = tmp_path / f"{PARTIAL}another-machine-1-abc"
    running = tmp_path / f"{PARTIAL}{platform.node()}-{os.getpid()}-abc"
    other = tmp_path / ".partial-sorting"
    for folder in (elsewhere, running, other):
        folder.mkdir()
    with replacing(tmp_path / "a.txt") as part:
        part.write_text("a")
    assert not left.exists()
    assert elsewhere.exists() and running.exists() and other.exists()
    assert not (tmp_path / "big.nc").exists()


def test_packed_text_has_the_same_bytes_whoever_writes_it(tmp_path):
    """Gzip writes the file's name into its head: the temporary one is the same."""
    packed = []
    for _ in range(2):
        with replacing(tmp_path / "t.tsv.gz") as part:
            frame = pd.DataFrame({"a": [1.5]})
            frame.to_csv(part, sep="\t", compression={"method": "gzip", "mtime": 1})
        packed.append((tmp_path / "t.tsv.gz").read_bytes())
    assert packed[0] == packed[1]
    assert gzip.decompress(packed[0]) == b"\ta\n0\t1.5\n"
