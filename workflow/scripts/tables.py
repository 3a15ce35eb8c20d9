from pipeline.steps.rules import run_step
from pipeline.steps.tables import tables

run_step(tables, snakemake)
