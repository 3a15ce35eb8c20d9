"""
Fit the model again, and then another
=====================================

Every contrast of the report can be made again from ``outcomes.parquet``: first by hand, then with
the mixed model, then with a model of your own.
"""

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from pipeline.compare import Group, analysis_values, estimate, fit, read_contrasts, read_outcomes

RESULTS = Path(os.environ.get("SET_AND_SETTING_RESULTS", "results"))
OUTCOME, DRUG, CONTEXT, REFERENCE = (
    "band_power/theta@mPFC",
    "psilocybin",
    "set_shifting",
    "home_cage",
)

outcomes = read_outcomes(RESULTS)
# what is compared: the value on its scale (dB), minus the session's own baseline
outcomes["change"] = analysis_values(outcomes)["analysed"]
mine = outcomes[
    (outcomes["outcome"] == OUTCOME) & (outcomes["phase"] == "acute") & (outcomes["split"] == "")
]
mine.groupby(["condition", "context"])["change"].agg(["mean", "std", "size"]).round(2)

# %%
# By hand
# -------
# Does psilocybin change theta more in the task than in the home cage? One number per animal: the
# difference of differences. Then a t test of these numbers against zero.

cells = mine.pivot_table("change", "animal", ["condition", "context"])
effect = {place: cells[DRUG, place] - cells["vehicle", place] for place in (CONTEXT, REFERENCE)}
scores = effect[CONTEXT] - effect[REFERENCE]
by_hand = estimate([Group(1.0, np.arange(len(scores)), scores.to_numpy())], alpha=0.05)
print(scores.round(2).to_string())
print(f"\n{by_hand.estimate:.2f} dB, CI {by_hand.ci_low:.2f} to {by_hand.ci_high:.2f}")

# %%
# The report has the same number:

contrasts = read_contrasts(RESULTS)
(reported,) = contrasts[
    (contrasts["outcome"] == OUTCOME)
    & (contrasts["condition"] == DRUG)
    & (contrasts["contrast"] == "difference_of_differences")
    & (contrasts["level"] == CONTEXT)
    & (contrasts["phase"] == "acute")
    & (contrasts["split"] == "")
].to_dict("records")
print(f"{reported['estimate']:.2f} dB, CI {reported['ci_low']:.2f} to {reported['ci_high']:.2f}")
assert np.isclose(by_hand.estimate, reported["estimate"])
assert np.isclose(by_hand.se, reported["se"])

# %%
# The mixed model
# ---------------
# All conditions and contexts at once, with random intercepts for each animal, for its sessions
# (one condition each) and for its contexts. Every animal has every cell here, so the estimate is
# the same; the standard error rests on the scatter under all drugs, not under this one only.

table = mine[["animal", "condition", "context", "period", "change"]].astype({"period": int})
interaction = {
    (DRUG, CONTEXT): 1,
    (DRUG, REFERENCE): -1,
    ("vehicle", CONTEXT): -1,
    ("vehicle", REFERENCE): 1,
}
RANDOM = ["animal", "animal:condition", "animal:context"]


planned = fit(table, response="change", fixed="condition * context", random=RANDOM)
test = planned.contrast(interaction, specs=["condition", "context"])
print(f"{test.estimate:.2f} dB, standard error {test.se:.2f}, {test.df:.1f} degrees of freedom")
assert np.isclose(test.estimate, reported["estimate"])
planned.anova().round(4)

# %%
# Another model
# -------------
# Is it the order of the sessions? Add the period. And what if the animal's contexts were not
# thought to differ? Drop that term. For the AIC each model is fitted once more, by maximum
# likelihood (``reml=False``): only then can models with other fixed effects be compared.


def compared(fixed, random):
    """The contrast under a model, and what the model costs."""
    model = fit(table, response="change", fixed=fixed, random=random)
    found = model.contrast(interaction, specs=["condition", "context"])
    likely = fit(table, response="change", fixed=fixed, random=random, reml=False)
    low, high = found.interval(0.95)
    return {"estimate": found.estimate, "low": low, "high": high, "AIC": likely.aic}


models = {
    "as planned": ("condition * context", RANDOM),
    "with period": ("condition * context + C(period)", RANDOM),
    "without animal:context": ("condition * context", RANDOM[:2]),
    "animals only": ("condition * context", RANDOM[:1]),
}
found = pd.DataFrame({name: compared(*model) for name, model in models.items()}).T
found.round(2)

# %%
# All of them beside the report's interval:

figure, axis = plt.subplots(figsize=(7, 2.2), layout="constrained")
axis.axvspan(reported["ci_low"], reported["ci_high"], color="0.9")
axis.hlines(found.index, found["low"], found["high"], color="black")
axis.plot(found["estimate"], found.index, "o", color="black")
axis.set(xlabel=f"{DRUG}: {CONTEXT} minus {REFERENCE} (dB)", ylim=(3.6, -0.6))
axis.set_title("Mixed models; grey: the report's interval", fontsize=10)
plt.show()

# %%
# Trying models until one pleases is what blinding (``statistics.blind``) and declared outcomes are
# there against: say in the paper which you tried.
