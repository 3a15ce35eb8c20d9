from pipeline.steps.rules import run_step
from pipeline.steps.spectra import spectra

run_step(spectra, snakemake)
