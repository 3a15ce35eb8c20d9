from pathlib import Path

from pipeline.simulate.sample import make_sample

make_sample(Path(snakemake.params.folder), processes=snakemake.threads, progress=True)
