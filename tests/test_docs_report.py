"""The calls of explain in docs/report.md are ones that the program takes."""

import argparse
import re
import shlex
from pathlib import Path

from pipeline.commands import explain

PAGE = (Path(__file__).parents[1] / "docs/report.md").read_text(encoding="utf-8")


def test_every_call_and_option_of_explain_is_taken():
    (line,) = re.findall(r"(?m)^python -m pipeline explain (.+)$", PAGE)
    options = re.findall(r"`(--[a-z]+ [^`]+)`", PAGE)
    assert len(options) == 3
    parser = argparse.ArgumentParser()
    explain.add_arguments(parser)
    for option in options:
        given = parser.parse_args(shlex.split(f"{line} {option}"))
        assert given.outcome == "band_power/theta@mPFC"
        assert given.results == Path("my_experiment/results")
