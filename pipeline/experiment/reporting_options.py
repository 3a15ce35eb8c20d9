"""The config's section ``reporting``: facts on animals and conduct that only the lab knows.

No computation reads them. They fill the report's ARRIVE table and its copies for a paper; what is
left out is marked there as not stated. Those of :data:`FOR_ARCHIVES` go into NWB files.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator

from pipeline.experiment.strict import StrictModel, did_you_mean

#: keys that are no item of ARRIVE: ``python -m pipeline export nwb`` writes them into its files
FOR_ARCHIVES = ("institution", "lab", "experimenter", "time_zone")


def _fact(description: str) -> str | None:
    return Field(None, min_length=1, description=description)


class ReportingOptions(StrictModel):
    """What a reader of the experiment must know and no table holds; each entry in whole sentences.

    The names of the fields are those of the config; numbers are items of ARRIVE 2.0.
    """

    statement: str | None = _fact("What holds for all of it, shown first: that data are simulated")
    sample_size: str | None = _fact("How the number of animals was decided (2b)")
    inclusion_criteria: str | None = _fact(
        "Criteria for animals, set before the experiment, and whether they were (3a)"
    )
    randomisation: str | None = _fact("How treatments were allocated: method, by whom (4a)")
    confounders: str | None = _fact(
        "How order, time of day and place of the cages were controlled (4b)"
    )
    blinding: str | None = _fact(
        "Who knew the allocation when doses were given, behaviour was run and data analysed (5)"
    )
    strain: str | None = _fact("Strain or stock, and supplier (8a)")
    genotype: str | None = _fact("Genetic modification, health and immune status (8b)")
    age: str | None = _fact("Age or developmental stage at the first dose (8a)")
    weight: str | None = _fact("Weight at the first dose (8a)")
    history: str | None = _fact("Earlier procedures and drugs, training (8b)")
    surgery: str | None = _fact("Implants, coordinates, anaesthesia, analgesia, recovery (9a)")
    substances: str | None = _fact("Supplier, formulation, vehicle and volume of the drugs (9a)")
    conduct: str | None = _fact("When in the day, where and by whom sessions were run (9b, 9c)")
    rationale: str | None = _fact("Why these doses, routes, times and contexts (9d)")
    ethics: str | None = _fact("Approval: body, number (14)")
    housing: str | None = _fact("Cages, company, light, food, water, enrichment (15)")
    welfare: str | None = _fact("Monitoring, humane end points, adverse events (16)")
    registration: str | None = _fact("Where the protocol and the analysis were registered (19)")
    data_access: str | None = _fact("Where raw data are to be had (20)")
    institution: str | None = _fact("Where it was done, for NWB files")
    lab: str | None = _fact("Whose laboratory, for NWB files")
    experimenter: tuple[str, ...] = Field((), description="People, for NWB files: Last, First")
    time_zone: str | None = _fact("Zone that the tables' times are in, for NWB files")

    @field_validator("experimenter")
    @classmethod
    def _last_first(cls, people: tuple[str, ...]) -> tuple[str, ...]:
        for name in people:
            if not all(part.strip() for part in name.partition(",")[::2]):
                raise ValueError(
                    f"{name!r}: Last, First is expected, in quotation marks: YAML takes a comma "
                    "for the end of an entry"
                )
        return people

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is None:
            return None
        try:
            ZoneInfo(name)
        except (OSError, ValueError, LookupError):  # unknown, a folder, or no path of a zone
            known = available_timezones()
            if known:  # a computer without names of zones refuses none
                raise ValueError(
                    "the name of a zone, such as Europe/Rome or UTC, is expected"
                    f"{did_you_mean(name, known)}"
                ) from None
        return name
