"""Metrics of the LFP room, one module each."""
