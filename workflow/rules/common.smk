"""The experiment, loaded once per parse, and the paths that rules share."""

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from pipeline.commands import terminal
from pipeline.errors import InputError
from pipeline.steps import inputs, report_labels, resources, settings, sort_settings
from pipeline.steps.outcomes_check import load_checked
from pipeline.steps.paths import (
    BEHAVIOUR_TABLES,
    COHORT_TABLES,
    COPIED,
    DRAWN,
    EXTRACTED,
    MEASURED,
    SHUFFLES,
    SORTED,
    SPECTRA_TABLES,
    SPIKE_TABLES,
    TABLE_COPIES,
    session_file,
)

REPOSITORY = Path(workflow.basedir)
# Before anything is read: what is wrong with the config is told in words, too.
TERMINAL = terminal.install(
    main_process=workflow.is_main_process, dry_run=lambda: workflow.dryrun
)


def experiment_config():
    """One --configfile replaces the sample's config; it is never merged into it."""
    if len(workflow.configfiles) > 1:
        raise WorkflowError(
            "Give one --configfile: an experiment is one file and its tables."
        )
    if workflow.config_settings.config:
        raise WorkflowError(
            "--config is refused, for its values arrive as strings: edit the config file."
        )
    if workflow.configfiles:
        return Path(workflow.configfiles[0])
    return REPOSITORY / "config" / "config.yaml"


CONFIG = experiment_config()
try:
    EXPERIMENT = load_checked(CONFIG)
except InputError as error:
    raise WorkflowError(str(error)) from None

SESSIONS = {session.name: session for session in EXPERIMENT.included}
MISSING_SAMPLE = inputs.missing_sample(REPOSITORY, CONFIG)
# Only sessions with a recording and no sorting of their own, where the config names a sorter.
SORTED_HERE = [
    name
    for name, session in SESSIONS.items()
    if sort_settings.is_sorted_here(EXPERIMENT, session)
]


def sorted_here(session, name):
    """One output of the rule sort; no path for a session that is not sorted here."""
    return [SORTED[name].format(session=session)] if session in SORTED_HERE else []


def session_needs(name, estimate):
    """Memory or time of a session's job, for the rule's resources."""

    def needed(wildcards, attempt):
        size = resources.size_of(
            EXPERIMENT, SESSIONS[wildcards.session], MISSING_SAMPLE
        )
        return estimate(size, attempt=attempt)[name]

    return needed


def cohort_needs(name):
    """Memory or time of a job over all sessions, for the rule's resources."""
    return lambda wildcards, attempt: resources.cohort_needs(
        len(SESSIONS), attempt=attempt
    )[name]


wildcard_constraints:
    session="[^/]+",
