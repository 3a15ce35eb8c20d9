from pipeline.steps.pages import pages
from pipeline.steps.rules import run_step

run_step(pages, snakemake)
