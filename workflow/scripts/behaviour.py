from pipeline.steps.behaviour import behaviour
from pipeline.steps.rules import run_step

run_step(behaviour, snakemake)
