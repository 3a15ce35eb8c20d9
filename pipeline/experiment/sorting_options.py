"""The config's key ``spikes.sorting``: units come sorted already, or are sorted here, and how.

The Snakefile reads the config at every parse, so nothing here imports a sorter: the sorter's own
parameters are checked where it runs (:mod:`pipeline.spikes.sorting_parameters`).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from pipeline.experiment.lfp_options import Window
from pipeline.experiment.strict import StrictModel, did_you_mean

#: sorters that can be named, with the packages that each needs beside SpikeInterface
SORTERS: dict[str, tuple[str, ...]] = {
    "spykingcircus2": ("numba", "hdbscan"),
    "simple": ("numba", "hdbscan"),
    "tridesclous2": ("numba", "hdbscan"),
    "lupin": ("numba", "torch"),
}
#: sorters that run with what the lock holds
_WITHOUT = tuple(name for name, needed in SORTERS.items() if "torch" not in needed)
#: what a lab installs for a package that the lock does not hold
_EXTRA = "requirements/sorting-extra.txt"


class SortingPreprocessing(StrictModel):
    """What is done to the raw signals before the sorter sees them."""

    pass_band_hz: Window = Field((300.0, 6000.0), description="Band of the spikes, zero phase")
    reference: Literal["auto", "common_median", "none"] = Field(
        "auto",
        description="common_median: the median over the good channels of a probe is subtracted; "
        "auto: that from 32 channels on, with fewer a spike is in the median itself",
    )

    @field_validator("pass_band_hz")
    @classmethod
    def _above_the_lfp(cls, band: tuple[float, float]) -> tuple[float, float]:
        if band[0] < 100:
            raise ValueError(f"the lower end must be 100 Hz or more; found {list(band)}")
        return band


class SortingOptions(StrictModel):
    """Raw recordings are sorted here."""

    run: str = Field(
        "spykingcircus2",
        description=f"Name of the sorter: {', '.join(SORTERS)}",
    )
    preprocessing: SortingPreprocessing = Field(
        default_factory=SortingPreprocessing, description="Before the sorter"
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="The sorter's own parameters; left out: its defaults"
    )
    streams: dict[str, str] = Field(
        default_factory=dict,
        description="Stream to sort instead of the one that the LFP is read from: "
        "imec0.lf: imec0.ap",
    )
    group_by: Literal["shank", "probe"] = Field(
        "shank",
        description="What is sorted apart: each shank or tetrode (channel table, else probe file), "
        "or each probe as a whole",
    )
    jobs: int = Field(1, ge=1, description="Threads of one session; the units do not depend on it")

    @field_validator("run")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in SORTERS:
            raise ValueError(
                f"found '{name}'{did_you_mean(name, SORTERS)}; expected one of {', '.join(SORTERS)}"
            )
        return name


#: the two kinds of value, as pydantic names them in the place of a wrong key; no lab writes them
KINDS = ("(word)", "(mapping)")


def _kind(value: object) -> str:
    return KINDS[isinstance(value, dict | SortingOptions)]


#: the type of the key; one of the two kinds is tried, so that a message speaks of that kind only
Sorting = Annotated[
    Annotated[Literal["existing"], Tag(KINDS[0])] | Annotated[SortingOptions, Tag(KINDS[1])],
    Discriminator(_kind),
]


def lacking_packages(
    sorter: str, *, find: Callable[[str], Any] = importlib.util.find_spec
) -> tuple[str, ...]:
    """Return the packages that a sorter needs and that are not installed; none is imported."""
    return tuple(package for package in SORTERS[sorter] if find(package) is None)


def how_to_install(sorter: str, lacking: tuple[str, ...]) -> str:
    """Return what to do about a sorter whose packages are lacking, in words."""
    return (
        f"an installed sorter: {sorter} needs {' and '.join(lacking)} "
        f"(pip install -r {_EXTRA}; torch takes gigabytes); {' and '.join(_WITHOUT)} need nothing "
        "that the lock does not hold"
    )
