"""Flexibility metrics, one module each: ``METRIC`` and ``compute``."""
