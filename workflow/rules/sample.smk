# The sample recordings are made when the sample experiment is run and they are not there.
if MISSING_SAMPLE:

    rule sample:
        output:
            list(MISSING_SAMPLE),
        log:
            "results/logs/sample.log",
        conda:
            "../../environment.yml"
        params:
            folder=str(settings.sample_folder(REPOSITORY)),
        threads: workflow.cores
        script:
            "../scripts/sample.py"
