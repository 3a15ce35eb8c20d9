from pipeline.steps.rules import run_step
from pipeline.steps.shuffles import shuffles

run_step(shuffles, snakemake)
