rule cohort:
    """All sessions: design columns joined, outcomes, contrasts, verdicts, completeness."""
    input:
        extracts=[session_file(name, "extract.status.json") for name in SESSIONS],
        measures=[session_file(name, "measure.status.json") for name in SESSIONS],
        observations=[session_file(name, "observations.parquet") for name in SESSIONS],
    output:
        **COHORT_TABLES,
    log:
        "results/logs/cohort.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=cohort_needs("mem_mb"),
        runtime=cohort_needs("runtime"),
    params:
        settings=lambda wildcards: settings.cohort_settings(EXPERIMENT, MISSING_SAMPLE),
    script:
        "../scripts/cohort.py"


rule spectra:
    """All sessions' spectra and time courses, brought to animals; clusters where they differ."""
    input:
        spectra=[session_file(name, "spectra.nc") for name in SESSIONS],
        epochs=[session_file(name, "epochs.tsv") for name in SESSIONS],
        timecourses=[session_file(name, "timecourse.parquet") for name in SESSIONS],
        couplings=[session_file(name, "coupling.nc") for name in SESSIONS],
    output:
        **SPECTRA_TABLES,
    log:
        "results/logs/spectra.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=cohort_needs("mem_mb"),
        runtime=cohort_needs("runtime"),
    params:
        settings=settings.spectra_settings(EXPERIMENT),
    script:
        "../scripts/spectra.py"


rule behaviour:
    """All sessions' scored trials, and error types, switches and latencies brought to animals."""
    input:
        trials=[session_file(name, "scored_trials.tsv") for name in SESSIONS],
        sets=[session_file(name, "sets.tsv") for name in SESSIONS],
    output:
        **BEHAVIOUR_TABLES,
    log:
        "results/logs/behaviour.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=cohort_needs("mem_mb"),
        runtime=cohort_needs("runtime"),
    params:
        settings=settings.behaviour_settings(EXPERIMENT),
    script:
        "../scripts/behaviour.py"


rule spikes:
    """All sessions' units joined to the design; calls, locking and responses of the animals."""
    input:
        units=[session_file(name, "units.tsv") for name in SESSIONS],
        modulation=[session_file(name, "modulation.tsv") for name in SESSIONS],
        locking=[session_file(name, "locking.parquet") for name in SESSIONS],
        responses=[session_file(name, "responses.parquet") for name in SESSIONS],
        autocorrelograms=[
            session_file(name, "autocorrelograms.parquet") for name in SESSIONS
        ],
        unit_rates=[session_file(name, "unit_rates.parquet") for name in SESSIONS],
    output:
        **SPIKE_TABLES,
    log:
        "results/logs/spikes.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=cohort_needs("mem_mb"),
        runtime=cohort_needs("runtime"),
    params:
        settings=settings.spikes_settings(EXPERIMENT),
    script:
        "../scripts/spikes.py"


rule shuffles:
    """Error rates in this very cohort with its labels shuffled (statistics.calibrate)."""
    input:
        outcomes=COHORT_TABLES["outcomes"],
    output:
        calibration=SHUFFLES,
    log:
        "results/logs/shuffles.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=cohort_needs("mem_mb"),
        runtime=cohort_needs("runtime"),
    params:
        settings=settings.shuffles_settings(EXPERIMENT),
    script:
        "../scripts/shuffles.py"


rule tables:
    """Copies of the cohort's tables for people: text, Parquet and one spreadsheet."""
    input:
        **COPIED,
    output:
        **TABLE_COPIES
        | {
            "spreadsheet": report(
                TABLE_COPIES["spreadsheet"],
                caption="../report/tables.rst",
                category="Tables",
                labels={"table": "All tables"},
            )
        },
    log:
        "results/logs/tables.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=cohort_needs("mem_mb"),
        runtime=cohort_needs("runtime"),
    params:
        settings=settings.tables_settings(EXPERIMENT),
    script:
        "../scripts/tables.py"


rule acknowledge:
    """Fail, after the report is written, while a failed session is not listed under exclude."""
    input:
        report="results/report/index.html",
        measures=[session_file(name, "measure.status.json") for name in SESSIONS],
    output:
        "results/acknowledged.txt",
    log:
        "results/logs/acknowledge.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/acknowledge.py"


rule check:
    """Print every problem of the experiment and what was understood of it."""
    log:
        "results/logs/check.log",
    conda:
        "../../environment.yml"
    params:
        config=str(CONFIG),
        python=sys.executable,
        repository=str(REPOSITORY),
    shell:
        "PYTHONPATH={params.repository:q} {params.python:q} -m pipeline check {params.config:q} | tee {log:q}"
