from pipeline.steps.cohort import cohort
from pipeline.steps.rules import run_step

run_step(cohort, snakemake)
