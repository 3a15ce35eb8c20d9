"""Every table of a run: what a row of it is, in which formats it lies, and which sheet shows it.

One declaration serves the downloads of the report, the sheets of the spreadsheet and the words on
its first sheet.
"""

from __future__ import annotations

from dataclasses import dataclass

#: priorities of the outcomes that an experiment declares before it looks
DECLARED = ("primary", "secondary")


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table of a run.

    Attributes
    ----------
    key : str
        Name among the tables of the report.
    label, what : str
        What it is called, and what one of its rows is.
    name : str
        File without suffix, in results/cohort.
    first : str
        Suffix of the file that the analysis itself wrote.
    copy : str
        Suffix of the copy that the rule ``tables`` writes beside it; "" if there is none.
    sheet : str
        Name of its sheet; "" where a spreadsheet is no place for it.
    beside : str
        Key of a table that comes with it, where the report does not read this one.
    """

    key: str
    label: str
    what: str
    name: str
    first: str = ".tsv"
    copy: str = ".parquet"
    sheet: str = ""
    beside: str = ""


#: group -> its tables, in the order of the page and of the sheets
GROUPS: tuple[tuple[str, tuple[Table, ...]], ...] = (
    (
        "Verdicts and contrasts",
        (
            Table(
                key="verdicts",
                label="Verdicts",
                what="one row per outcome, condition, phase and modifier",
                name="verdicts",
                sheet="verdicts",
            ),
            Table(
                key="contrasts",
                label="Contrasts",
                what="one row per outcome and test: estimate, intervals, p, n",
                name="contrasts",
                sheet="contrasts",
            ),
            Table(
                key="clusters",
                label="Clusters of spectra",
                what="one row per cluster of frequencies where conditions differ",
                name="clusters",
                sheet="clusters",
            ),
            Table(
                key="time_clusters",
                label="Clusters of time courses",
                what="one row per cluster of minutes where conditions differ",
                name="timecourse_clusters",
                sheet="timecourse_clusters",
            ),
            Table(
                key="calibration",
                label="Error rates with shuffled labels",
                what="one row per question: how often a test errs in this cohort",
                name="calibration",
                sheet="calibration",
            ),
        ),
    ),
    (
        "Values",
        (
            Table(
                key="outcomes",
                label="Outcomes",
                what="one row per animal, session, cell and outcome, on the scale of the tests",
                name="outcomes",
                first=".parquet",
                copy=".tsv",
                sheet="outcomes",
            ),
            Table(
                key="observations",
                label="Observations",
                what="one row per metric, entity and epoch, in physical units",
                name="observations",
                first=".parquet",
                copy=".tsv.gz",
            ),
            Table(
                key="missing",
                label="Missing cells",
                what="one row per value that no test uses, with the reason",
                name="missing_cells",
                sheet="missing_cells",
            ),
            Table(
                key="spectra",
                label="Spectra of the animals",
                what="one row per animal, cell, region and frequency",
                name="spectra_units",
                first=".parquet",
                copy="",
            ),
            Table(
                key="spectra_means",
                label="Spectra",
                what="one row per mean over animals, with its interval, and frequency",
                name="spectra",
                first=".parquet",
                copy="",
                beside="spectra",
            ),
            Table(
                key="time_courses",
                label="Time courses",
                what="one row per mean over animals, with its interval, and minute from the dose",
                name="timecourses",
                first=".parquet",
                copy="",
            ),
            Table(
                key="time_courses_units",
                label="Time courses of the animals",
                what="one row per animal, cell, region, band and minute from the dose",
                name="timecourses_units",
                first=".parquet",
                copy="",
                beside="time_courses",
            ),
            Table(
                key="spectrograms",
                label="Spectrograms around the dose",
                what="one row per mean or difference over animals, region, minute and frequency",
                name="spectrograms",
                first=".parquet",
                copy="",
            ),
            Table(
                key="comodulograms",
                label="Comodulograms",
                what="one row per mean or difference over animals, region and pair of frequencies",
                name="comodulograms",
                first=".parquet",
                copy="",
            ),
        ),
    ),
    (
        "Trials and units",
        (
            Table(
                key="trials",
                label="Scored trials",
                what="one row per trial that was scored, with its errors by each scheme",
                name="trials",
                first=".tsv.gz",
            ),
            Table(
                key="error_types",
                label="Error types",
                what="one row per animal or mean, cell and type of error",
                name="error_types",
                sheet="error_types",
            ),
            Table(
                key="schemes",
                label="Error schemes side by side",
                what="one row per animal or mean and scheme: shares, and how far two agree",
                name="schemes",
                sheet="schemes",
            ),
            Table(
                key="switches",
                label="Choices by lag from the switch",
                what="one row per animal or mean and trial counted from a change of the rule",
                name="switch_aligned",
            ),
            Table(
                key="latencies",
                label="Latencies",
                what="one row per animal or mean and quantile",
                name="latencies",
                sheet="latencies",
            ),
            Table(
                key="unit_quality",
                label="Units and their quality",
                what="one row per unit: whether it counts, and why not",
                name="units",
                sheet="units",
            ),
            Table(
                key="unit_modulation",
                label="Rates of units before and after",
                what="one row per unit and cell",
                name="unit_modulation",
                sheet="unit_modulation",
            ),
            Table(
                key="modulation_fractions",
                label="Units up and down",
                what="one row per animal or mean and cell",
                name="modulation_fractions",
                sheet="modulation_fractions",
            ),
            Table(
                key="locking_bands",
                label="Locking by band",
                what="one row per animal or mean, region and band",
                name="locking_bands",
                sheet="locking_bands",
            ),
            Table(
                key="unit_locking",
                label="Locking of units",
                what="one row per unit, cell and band",
                name="unit_locking",
                first=".parquet",
                copy="",
            ),
            Table(
                key="event_rates",
                label="Rates around events",
                what="one row per animal or mean, cell, region, event and time bin",
                name="event_rates",
                first=".parquet",
                copy="",
            ),
            Table(
                key="autocorrelograms",
                label="Autocorrelograms",
                what="one row per animal or mean, cell, region and lag",
                name="autocorrelograms",
                first=".parquet",
                copy="",
            ),
            Table(
                key="unit_rates",
                label="Rates of units over time",
                what="one row per unit and time bin",
                name="unit_rates",
                first=".parquet",
                copy="",
            ),
        ),
    ),
    (
        "Sessions",
        (
            Table(
                key="completeness",
                label="Completeness",
                what="one row per session: what was read, what worked, what was excluded and why",
                name="completeness",
                sheet="completeness",
            ),
        ),
    ),
)
#: all tables by the name of their file without suffix
BY_NAME = {table.name: table for _, tables in GROUPS for table in tables}
#: every run has these, empty or not
ALWAYS = frozenset({"verdicts", "contrasts", "outcomes", "observations", "missing", "completeness"})
