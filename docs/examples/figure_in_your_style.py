"""
A figure of the report, in the lab's own style
==============================================

Beside every figure of the report lie its numbers (``.tsv``) and its specification (``.vl.json``,
Vega-Lite). The numbers can be drawn with anything; the specification can be changed
and drawn again.
"""

import json
import os
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from pipeline.report.drawing import render_svg

RESULTS = Path(os.environ.get("SET_AND_SETTING_RESULTS", "results"))
FIGURE = RESULTS / "report" / "figures" / "band_power-theta-at-mPFC"

numbers = pd.read_csv(FIGURE.with_name(f"{FIGURE.name}.tsv"), sep="\t")
print(numbers["part"].value_counts().to_string())

# %%
# From the numbers
# ----------------
# One grey line per animal, the mean with its interval in black, one panel per context.

animals = numbers[numbers["part"] == "animal"]
means = numbers[numbers["part"] == "mean"]
conditions = ["vehicle", "psilocybin", "ketamine", "MDMA"]
contexts = list(dict.fromkeys(animals["level"]))

STYLE = {
    "font.family": "serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "figure.dpi": 120,
}
with plt.rc_context(STYLE):
    figure, axes = plt.subplots(
        1, len(contexts), figsize=(8, 3.2), sharey=True, layout="constrained"
    )
    for axis, context in zip(axes, contexts, strict=True):
        here = animals[animals["level"] == context].pivot_table("estimate", "animal", "condition")[
            conditions
        ]
        axis.plot(conditions, here.T, color="0.7", linewidth=0.8, marker="o", markersize=2)
        mean = means[means["level"] == context].set_index("condition").loc[conditions]
        below, above = mean["estimate"] - mean["ci_low"], mean["ci_high"] - mean["estimate"]
        axis.errorbar(
            conditions, mean["estimate"], yerr=[below, above], color="black", fmt="_", capsize=3
        )
        axis.axhline(0, color="0.5", linewidth=0.5, linestyle="--")
        axis.set_title(context.replace("_", " "))
        axis.tick_params(axis="x", rotation=40)
    axes[0].set_ylabel("Theta in mPFC,\nchange from baseline (dB)")
plt.show()

# %%
# From the specification
# ----------------------
# Fonts, sizes and the ground are in ``config``; everything else of the chart stays as it is. What
# comes out is an SVG for a drawing program (``vl_convert`` comes with the pipeline).

chart = json.loads(FIGURE.with_name(f"{FIGURE.name}.vl.json").read_text())
chart["config"] |= {"font": "Georgia, serif", "background": "#fffdf7"}
chart["config"]["axis"] |= {"gridOpacity": 0, "labelFontSize": 13, "titleFontSize": 13}
svg = render_svg(json.dumps(chart))
assert "Georgia" in svg and "#fffdf7" in svg
# Path("theta.svg").write_text(svg)
print(svg[:4])
