from pipeline.steps.report import figures
from pipeline.steps.rules import run_step

run_step(figures, snakemake)
