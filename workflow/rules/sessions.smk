# Two jobs per session: a job costs its imports, so there are no more.
rule extract:
    """Recording, units, behaviour log and movement of one session, onto one clock."""
    input:
        lambda wildcards: list(
            inputs.files_of(EXPERIMENT, SESSIONS[wildcards.session], MISSING_SAMPLE)
        ),
        lambda wildcards: sorted_here(wildcards.session, "sorted"),
        # a sort that failed passes its reason on, as extract does to measure
        unpack(
            lambda wildcards: {
                "status": p for p in sorted_here(wildcards.session, "status")
            }
        ),
    output:
        **EXTRACTED,
    log:
        "results/logs/extract/{session}.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=session_needs("mem_mb", resources.extract_needs),
        runtime=session_needs("runtime", resources.extract_needs),
    params:
        settings=lambda wildcards: settings.extract_settings(
            EXPERIMENT, SESSIONS[wildcards.session], MISSING_SAMPLE
        ),
    script:
        "../scripts/extract.py"


rule measure:
    """Every metric of one session, in every epoch; it is told times, never drugs."""
    input:
        **EXTRACTED,
    output:
        **MEASURED,
    log:
        "results/logs/measure/{session}.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=session_needs("mem_mb", resources.measure_needs),
        runtime=session_needs("runtime", resources.measure_needs),
    params:
        settings=lambda wildcards: settings.measure_settings(
            EXPERIMENT, SESSIONS[wildcards.session]
        ),
    script:
        "../scripts/measure.py"
