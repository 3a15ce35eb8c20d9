from pipeline.steps.acknowledge import acknowledge
from pipeline.steps.rules import run_step

run_step(acknowledge, snakemake)
