from functools import partial

from pipeline.steps.rules import run_session_step
from pipeline.steps.sort import sort

run_session_step("sort", partial(sort, jobs=snakemake.threads), snakemake)
