from pipeline.steps.extract import extract
from pipeline.steps.rules import run_session_step

run_session_step("extract", extract, snakemake)
