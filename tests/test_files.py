"""Files appear whole or not at all, even where two processes write the same one."""

from __future__ import annotations

import gzip
import os
import platform
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from pipeline.files import PARTIAL, replacing, replacing_folder


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


def files_of(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_folder_appears_whole_in_place_of_the_one_before(tmp_path):
    folder = tmp_path / "deep" / "figures"
    for words in ("first", "second"):
        before = files_of(folder) if folder.exists() else {}
        with replacing_folder(folder) as part:
            (part / f"{words}.txt").write_text(words)
            assert (files_of(folder) if folder.exists() else {}) == before
        assert files_of(folder) == {f"{words}.txt": words}
    with pytest.raises(ValueError, match="stop"), replacing_folder(folder) as part:
        (part / "third.txt").write_text("ha")
        raise ValueError("stop")
    assert files_of(folder) == {"second.txt": "second"}
    assert [path.name for path in folder.parent.iterdir()] == ["figures"]


@pytest.mark.parametrize("late", [False, True], ids=["before", "between the renames"])
def test_two_writers_of_one_folder_do_not_mix(tmp_path, monkeypatch, late):
    """Another one ends while this one writes, or just when it has moved the old folder away."""
    folder = tmp_path / "figures"
    folder.mkdir()
    rename = Path.rename

    def other():
        with replacing_folder(folder) as part:
            (part / "other.txt").write_text("other")

    def renamed(path, target):
        done = rename(path, target)
        if path == folder:
            monkeypatch.setattr(Path, "rename", rename)
            other()
        return done

    with replacing_folder(folder) as part:
        (part / "own.txt").write_text("own")
        if late:
            monkeypatch.setattr(Path, "rename", renamed)
        else:
            other()
            assert files_of(folder) == {"other.txt": "other"}
    assert files_of(folder) == {"own.txt": "own"}
    assert [path.name for path in tmp_path.iterdir()] == ["figures"]


def test_leftovers_of_killed_processes_are_removed_and_no_others(tmp_path):
    code = (
        "import os, sys; from pipeline.files import replacing\n"
        "with replacing(sys.argv[1]) as part: part.write_text('half'); os._exit(9)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "big.nc")]
    assert subprocess.run(command, check=False).returncode == 9
    (left,) = tmp_path.glob(f"{PARTIAL}*")
    assert (left / "big.nc").read_text() == "half"
    code = code.replace("replacing", "replacing_folder").replace("part.write", "(part / 'a').write")
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "b")], check=False).returncode
    assert len(list(tmp_path.glob(f"{PARTIAL}*"))) == 1 and not (tmp_path / "b").exists()
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
