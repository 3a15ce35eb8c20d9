from functools import partial

from pipeline.steps.report import figures
from pipeline.steps.rules import run_step

run_step(partial(figures, processes=snakemake.threads), snakemake)
