from pipeline.steps.report import report
from pipeline.steps.rules import run_step

run_step(report, snakemake)
