"""What ``snakemake --report`` calls the figures: read from the list that the report wrote.

These functions run only when such a report is asked for, in the folder of the results.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.errors import InputError

#: where the rule ``report`` writes the list
FIGURE_LIST = "results/report/figures.index.tsv"
#: files of a figure that the report takes; their suffixes are the wildcard ``format``
FORMATS = ("svg", "pdf", "png", "tsv")
PATTERN = f"{{name}}.{{format,{'|'.join(FORMATS)}}}"
_WORDS = {"tsv": "data (TSV)"}
_NONE = "–"


def figure_category(wildcards: Any) -> str:
    """Return the chapter of a figure.

    Parameters
    ----------
    wildcards : object
        ``name``: of the figure's files.
    """
    return _row(wildcards.name)["chapter"]


def figure_labels(wildcards: Any) -> dict[str, str]:
    """Return figure, outcome, region, priority and format of a figure's file.

    Parameters
    ----------
    wildcards : object
        ``name`` and ``format``.

    Returns
    -------
    dict
        Plain text. Snakemake writes labels into a script of its page as they are, so that ``<``
        becomes a sign that ends no script.
    """
    row = _row(wildcards.name)
    labels = {
        "figure": row["title"],
        "outcome": row["outcome"] or _NONE,
        "region": row["region"] or _NONE,
        "priority": row["priority"] or _NONE,
        "format": _WORDS.get(wildcards.format, wildcards.format.upper()),
    }
    return {name: text.replace("<", "‹").replace(">", "›") for name, text in labels.items()}


def _row(name: str) -> dict[str, str]:
    path = Path(FIGURE_LIST)
    if not path.is_file():
        raise InputError(
            f"{FIGURE_LIST}: not found; expected the list of figures of a finished run (run "
            "snakemake without --report first)"
        )
    lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    header = lines[0].split("\t")
    for line in lines[1:]:
        row = dict(zip(header, line.split("\t"), strict=True))
        if row["name"] == name:
            return row
    raise InputError(
        f"{FIGURE_LIST}: names no figure {name!r}; expected every figure of results/report/figures "
        "(the report is of another run than the figures: run snakemake again)"
    )
