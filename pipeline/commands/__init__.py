"""Commands for the lab: ``python -m pipeline COMMAND``."""
