# Looked at before the first job: can results be written, and can times of change be trusted.
from pipeline.steps.start import refuse_start


onstart:
    try:
        refuse_start(
            EXPERIMENT,
            Path("results"),
            absent=MISSING_SAMPLE,
            anew=workflow.dag_settings.forceall,
        )
    except InputError as error:
        raise WorkflowError(str(error)) from None
