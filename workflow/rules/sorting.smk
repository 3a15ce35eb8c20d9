# Only sessions with a recording and no sorting of their own, where the config names a sorter.
SORTED_HERE = [
    name
    for name, session in SESSIONS.items()
    if sort_settings.is_sorted_here(EXPERIMENT, session)
]


def sorted_here(session, name):
    """One output of the rule sort; no path for a session that is not sorted here."""
    return [SORTED[name].format(session=session)] if session in SORTED_HERE else []


if SORTED_HERE:

    rule sort:
        """Units of one session, sorted from its raw recordings, all contexts in one sort."""
        input:
            lambda wildcards: list(
                sort_settings.sort_files(
                    EXPERIMENT, SESSIONS[wildcards.session], MISSING_SAMPLE
                )
            ),
        output:
            **SORTED,
        log:
            "results/logs/sort/{session}.log",
        conda:
            "../../environment.yml"
        threads: EXPERIMENT.config.spikes.sorting.jobs
        params:
            settings=lambda wildcards: sort_settings.sort_settings(
                EXPERIMENT, SESSIONS[wildcards.session], MISSING_SAMPLE
            ),
        script:
            "../scripts/sort.py"
