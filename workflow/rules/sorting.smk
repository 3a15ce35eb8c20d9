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
        resources:
            mem_mb=session_needs("mem_mb", resources.sort_needs),
            runtime=session_needs("runtime", resources.sort_needs),
        params:
            settings=lambda wildcards: sort_settings.sort_settings(
                EXPERIMENT, SESSIONS[wildcards.session], MISSING_SAMPLE
            ),
        script:
            "../scripts/sort.py"
