"""Errors that a lab member can act on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong with the lab's input, and where.

    Attributes
    ----------
    file : str
        File as the lab knows it ("sessions.tsv").
    place : str
        Row, column, channel or config key ("row 3, column start").
    found : str
        The value found, quoted.
    expected : str
        What was expected there, with the likely cause where there is one.
    severity : {"error", "warning"}
        Errors stop the run; warnings are printed and shown in the report.
    """

    file: str
    place: str
    found: str
    expected: str
    severity: str = "error"

    def __str__(self) -> str:
        """One line: ``file: place: found ...; expected ...``."""
        where = f"{self.file}: {self.place}" if self.place else self.file
        found = f"found {self.found}; " if self.found else ""
        return f"{where}: {found}{self.expected}"


class InputError(Exception):
    """Bad input: the message names file, place, value found, value expected, likely cause."""


class ExperimentError(InputError):
    """An experiment with problems; all of them, not the first.

    Parameters
    ----------
    problems : iterable of Problem
        At least one.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [f"{len(self.problems)} problem(s) in the experiment:"]
        lines += [f"  {index}. {problem}" for index, problem in enumerate(self.problems, 1)]
        super().__init__("\n".join(lines))


def refuse(problems: Iterable[Problem]) -> None:
    """Raise ExperimentError with all problems if any of them is an error."""
    problems = list(problems)
    if any(problem.severity == "error" for problem in problems):
        raise ExperimentError(problems)
