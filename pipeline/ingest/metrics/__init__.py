"""Metrics of behaviour that needs no task: one module each, found by the registry."""
