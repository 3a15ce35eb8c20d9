"""What docs/developers tells a developer to do is done here, in a copy of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = REPOSITORY / "docs/developers"
BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.M | re.S)
FILE = re.compile(r"^(?:#|<!--) file: (?P<name>\S+)(?: -->)?\n")


@dataclass(frozen=True)
class Step:
    """A block of a page: a new file, a change of one, or commands."""

    kind: str
    file: str
    body: str


def steps(page: str) -> list[Step]:
    found = []
    for block in BLOCK.finditer((PAGES / page).read_text()):
        named = FILE.match(block["body"])
        body = block["body"][named.end() :] if named else block["body"]
        found.append(Step(block["kind"], named["name"] if named else "", body))
    return found


def changed(text: str, diff: str, where: str) -> str:
    """Apply a block of lines that begin with a blank, a minus or a plus."""
    lines = diff.splitlines()
    assert all(line[:1] in (" ", "-", "+") for line in lines), diff
    before = "".join(f"{line[1:]}\n" for line in lines if line[0] in " -")
    after = "".join(f"{line[1:]}\n" for line in lines if line[0] in " +")
    assert text.count(before) == 1, f"{where}: these lines are not there, or twice:\n{before}"
    return text.replace(before, after)


@pytest.fixture
def copy(tmp_path):
    for name in ("pipeline", "tests", "workflow", "config", "pyproject.toml"):
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize(
    ("page", "known"),
    [
        (
            "add_a_metric.md",
            "from pipeline.registry import metrics; print(metrics()['spectral_edge'].value_unit)",
        ),
        (
            "add_a_log_format.md",
            "from pipeline.commands.schemas import schemas; print('lickport' in str(schemas()))",
        ),
        ("add_a_report_chapter.md", "import pipeline.report.measured as m; print(m.__file__)"),
    ],
)
def test_the_steps_of_a_page_can_be_followed(page, known, copy):
    new = {"python": "", "html": ""}
    written = []
    for step in steps(page):
        target = copy / step.file
        if step.kind == "diff":
            target.write_text(changed(target.read_text(), step.body, f"{page}, {step.file}"))
        elif step.kind in new and step.file:
            assert not target.exists(), f"{page}: {step.file} is there already"
            target.write_text(step.body)
            written.append(step.file)
    commands = "".join(step.body for step in steps(page) if step.kind == "sh").splitlines()
    tests = [line.split("#")[0].split() for line in commands if " -m pytest " in line]
    assert [line[-1] for line in tests] == [name for name in written if name.startswith("tests/")]
    for _, *arguments in tests:
        said = run(copy, *arguments, "-p", "no:xdist", "-o", "addopts=", "-q")
        assert re.search(r"\b\d+ passed", said), said
        assert "skipped" not in said, said
    assert run(copy, "-c", known).strip() not in ("", "False")


@pytest.mark.parametrize("page", sorted(path.name for path in PAGES.glob("add_*.md")))
def test_what_a_page_writes_keeps_the_style_of_the_project(page, copy):
    files = [s for s in steps(page) if s.kind == "python" and s.file]
    assert files
    for step in files:
        (copy / step.file).write_text(step.body)
    paths = [step.file for step in files]
    run(copy, "-m", "ruff", "check", *paths)
    run(copy, "-m", "ruff", "format", "--check", *paths)


def test_a_change_that_no_longer_fits_is_found():
    assert changed("a\nb\nc\n", " a\n-b\n+B\n", "x") == "a\nB\nc\n"
    with pytest.raises(AssertionError, match="not there"):
        changed("a\nc\n", " a\n-b\n+B\n", "x")
    with pytest.raises(AssertionError, match="twice"):
        changed("b\nb\n", "-b\n+B\n", "x")
