from pipeline.steps.measure import measure
from pipeline.steps.rules import run_session_step

run_session_step("measure", measure, snakemake)
