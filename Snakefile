# Set and Setting: recordings and behaviour logs in, a drug-by-context report out.
#
#   snakemake --cores 4                                       the sample experiment
#   snakemake --cores 4 --configfile my.yaml --directory out  another one
from snakemake.utils import min_version

min_version("9.0")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/start.smk"


localrules:
    all,
    acknowledge,
    check,


rule all:
    input:
        "results/report/index.html",
        "results/report/figures",
        "results/report/sessions.html",
        "results/cohort/clusters.tsv",
        "results/cohort/calibration.tsv",
        "results/cohort/trials.tsv.gz",
        "results/report/tables.xlsx",
        "results/acknowledged.txt",


include: "workflow/rules/sample.smk"
include: "workflow/rules/sorting.smk"
include: "workflow/rules/sessions.smk"
include: "workflow/rules/cohort.smk"
include: "workflow/rules/report.smk"


onsuccess:
    terminal.tell_good_end(Path("results"), TERMINAL)


onerror:
    terminal.tell_bad_end(Path("results"), TERMINAL)
