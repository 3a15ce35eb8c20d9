"""What the tables of curves and maps call their rows: written by the cohort's steps, read here."""

from __future__ import annotations

#: the level (or context) of all contexts together
EVERYWHERE = "all contexts"
#: measures of a time course
POWER, SPEED = "band_power", "speed"
#: parts of a map: the baseline itself, a condition's change, that minus the reference's
LEVEL, MEAN, DIFFERENCE = "baseline", "mean", "difference"
