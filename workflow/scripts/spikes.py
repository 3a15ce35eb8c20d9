from pipeline.steps.rules import run_step
from pipeline.steps.spikes import spikes

run_step(spikes, snakemake)
