"""Metrics of the spikes room, one module each."""
