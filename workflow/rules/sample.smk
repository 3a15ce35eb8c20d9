# The sample recordings are made when the sample experiment is run and they are not there.
if MISSING_SAMPLE:

    rule sample:
        output:
            list(MISSING_SAMPLE),
        log:
            "results/logs/sample.log",
        conda:
            "../../environment.yml"
        threads: workflow.cores
        params:
            folder=str(inputs.sample_folder(REPOSITORY)),
        script:
            "../scripts/sample.py"
