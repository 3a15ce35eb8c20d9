"""Every command that a page shows is one that its program takes; every config, one that loads.

Pages with a test of their own run theirs; here all are held to the parsers and to the schema, in
fenced blocks as in running text, so that an option that is renamed is found wherever it is named.
"""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest
import yaml

from pipeline.__main__ import main
from pipeline.experiment.config import Config

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(p for p in (ROOT / "docs").rglob("*.md") if not {"_build", "gallery"} & set(p.parts)),
    ]
)
#: a command, from the start of a line, a code span or the end of a pipe to where it ends
_SHOWN = re.compile(
    r"(?:^ *|`|\| )(?:\.venv/bin/)?(python -m pipeline|snakemake|make)((?: [^`|>\n]*?)?)"
    r"(?= 2>|[`|>\n])",
    re.M,
)
_YAML = re.compile(r"^```yaml\n(.*?)^```", re.M | re.S)
#: what stands for a value or for "and so on"
_OPEN = re.compile(r"\.\.\.|\.\. |\bNAME=VALUE\b")


def commands(program: str) -> list[tuple[str, str]]:
    """Page and arguments of every command of a program that is shown whole, each once."""
    found = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ").replace("\\|", "|")
        for name, given in _SHOWN.findall(text):
            given = re.sub(r"\s+#.*|;.*| {3}.*", "", given).strip()
            if name == program and not _OPEN.search(given):
                found.add((str(page.relative_to(ROOT)), given))
    return sorted(found)


class _ParsedError(Exception):
    """The command line was taken; nothing is run."""


def test_commands_are_found():
    assert len(commands("python -m pipeline")) > 50
    assert len(commands("snakemake")) > 8
    assert len(commands("make")) > 15


def test_every_call_of_the_program_is_taken(monkeypatch, capsys):
    parse = argparse.ArgumentParser.parse_args

    def parsed(self, *given, **options):
        parse(self, *given, **options)
        raise _ParsedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)
    names = {"check", "new", "diff", "unblind", "export", "explain", "power", "calibrate"}
    refused = []
    for page, given in commands("python -m pipeline"):
        words = shlex.split(given)
        # "`python -m pipeline check` says": the command is named, not called
        if words in ([], *([name] for name in names)):
            continue
        try:
            main(words)
        except _ParsedError:
            continue
        except SystemExit:
            refused.append((page, given, capsys.readouterr().err.splitlines()[-1]))
    assert refused == []


def test_every_call_of_snakemake_is_taken(capsys):
    from snakemake.cli import get_argument_parser

    parser = get_argument_parser()
    refused = []
    for page, given in commands("snakemake"):
        try:
            parser.parse_args(shlex.split(given))
        except SystemExit:
            refused.append((page, given, capsys.readouterr().err.splitlines()[-1]))
    assert refused == []


def test_every_target_of_make_is_there():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    missing = []
    for page, given in commands("make"):
        words = [word for word in shlex.split(given) if "=" not in word]
        missing += [(page, word) for word in words if word not in targets]
    assert missing == []


def sections() -> list[tuple[str, dict]]:
    """Page and parsed YAML of every block that holds sections of a config."""
    known = set(Config.model_fields)
    found = []
    for page in PAGES:
        for block in _YAML.findall(page.read_text(encoding="utf-8")):
            parsed = yaml.safe_load(block)
            own = "developers" in page.parts  # followed in test_docs_walkthroughs.py
            if isinstance(parsed, dict) and set(parsed) <= known and not own:
                found.append((str(page.relative_to(ROOT)), parsed))
    return found


@pytest.mark.parametrize(("page", "shown"), sections())
def test_every_piece_of_config_is_taken(page, shown):
    base = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    del base["flexibility"]  # its task is a path, which the loader replaces by what the file says
    if isinstance(shown.get("flexibility", {}).get("task"), str):
        shown = {**shown, "flexibility": {**shown["flexibility"]}}
        del shown["flexibility"]["task"]
    Config.model_validate({**base, **shown})


def test_a_wrong_command_would_be_found(monkeypatch, capsys):
    page = ROOT / "docs" / "report.md"
    shown = "```sh\n  python -m pipeline diff a b --pages x  # a remark\nmake nothing\n```\n"
    monkeypatch.setattr(Path, "read_text", lambda self, **_: shown if self == page else "")
    assert commands("make") == [("docs/report.md", "nothing")]
    ((_, given),) = commands("python -m pipeline")
    with pytest.raises(SystemExit):
        main(shlex.split(given))
    assert "--pages" in capsys.readouterr().err
