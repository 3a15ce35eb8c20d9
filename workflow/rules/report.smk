rule figures:
    """One figure per outcome: specification, SVG, PDF and the data behind it."""
    input:
        **DRAWN,
    output:
        report(
            directory("results/report/figures"),
            patterns=[report_labels.PATTERN],
            caption="../report/figure.rst",
            category=report_labels.figure_category,
            labels=report_labels.figure_labels,
        ),
    log:
        "results/logs/figures.log",
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        mem_mb=cohort_needs("mem_mb"),
        runtime=cohort_needs("runtime"),
    params:
        settings=settings.figures_settings(EXPERIMENT),
    script:
        "../scripts/figures.py"


rule report:
    """The cohort report, one file that works offline."""
    input:
        **DRAWN,
        completeness=COHORT_TABLES["completeness"],
        calibration=SHUFFLES,
        record=COHORT_TABLES["record"],
        figures="results/report/figures",
        listing="results/report/assets/sessions.json",
    output:
        page=report(
            "results/report/index.html",
            caption="../report/index.rst",
            category="Report",
            labels={"page": "Cohort report"},
        ),
        figure_list=report(
            report_labels.FIGURE_LIST,
            caption="../report/figure_list.rst",
            category="Tables",
            labels={"table": "List of figures"},
        ),
        run="results/report/run.html",
        sessions="results/report/sessions.html",
        methods="results/report/methods.md",
        latex="results/report/methods.tex",
        references="results/report/references.bib",
    log:
        "results/logs/report.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=cohort_needs("mem_mb"),
        runtime=cohort_needs("runtime"),
    params:
        settings=settings.report_settings(EXPERIMENT),
    script:
        "../scripts/report.py"


rule pages:
    """All session pages in one job, and the listing that their index is made from."""
    input:
        files=[
            session_file(name, file)
            for name in SESSIONS
            for file in (
                "extract.status.json",
                "units.nc",
                "trials.parquet",
                "sync.json",
            )
            + ("spectra.nc", "coupling.nc", "epochs.tsv", "units.tsv")
        ],
        measures=[session_file(name, "measure.status.json") for name in SESSIONS],
    output:
        listing="results/report/assets/sessions.json",
        library="results/report/assets/vega.js",
        pages=[session_file(name, "session.html") for name in SESSIONS],
    log:
        "results/logs/pages.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=cohort_needs("mem_mb"),
        runtime=cohort_needs("runtime"),
    params:
        settings=settings.pages_settings(EXPERIMENT),
    script:
        "../scripts/pages.py"
