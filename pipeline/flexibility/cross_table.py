"""How much the error schemes differ on one and the same table of trials."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.schemes import ERROR_TYPES, NO_ERROR, PERSEVERATIVE, SCHEMES
from pipeline.flexibility.scoring import Scores
from pipeline.flexibility.shifts import shift_trials

if TYPE_CHECKING:
    import pandas as pd


def cross_table(scored: Scores | EpochTrials) -> pd.DataFrame:
    """Errors of each type under each scheme, on the same wrong choices.

    Counted are the wrong choices of sets that follow another rule (a new label for the same sides
    is none, though its trials carry labels in the table of trials), also after the criterion.
    Omissions are left out, though `widge_sequence` counts them as errors: the schemes are to be
    compared on the same trials.

    Parameters
    ----------
    scored : Scores or EpochTrials
        A session, or a cell of it.

    Returns
    -------
    pandas.DataFrame
        One row per scheme and type that it can give, and ``none`` (errors that it cannot type):
        ``scheme``, ``type``, ``n``, ``fraction`` of the scheme's errors (NaN without errors).
    """
    import pandas as pd

    codes = _error_codes(scored)
    rows = []
    for name, scheme in SCHEMES.items():
        counts = np.bincount(codes[name], minlength=len(ERROR_TYPES))
        total = int(counts.sum())
        for kind in (*scheme.types, "none"):
            count = int(counts[ERROR_TYPES.index(kind)])
            share = count / total if total else np.nan
            rows.append({"scheme": name, "type": kind, "n": count, "fraction": share})
    return pd.DataFrame(rows, columns=["scheme", "type", "n", "fraction"])


def scheme_agreement(scored: Scores | EpochTrials) -> pd.DataFrame:
    """How often two schemes give one error the same type.

    Parameters
    ----------
    scored : Scores or EpochTrials
        A session, or a cell of it.

    Returns
    -------
    pandas.DataFrame
        One row per pair of schemes: ``scheme``, ``other``, ``n`` (wrong choices that both can
        type), ``agreement`` (fraction with the same type, NaN without any), ``n_perseverative``,
        ``n_perseverative_other`` (perseverative under either), ``n_both_perseverative``.
    """
    import pandas as pd

    codes = _error_codes(scored)
    rows = []
    for name, other in combinations(SCHEMES, 2):
        both = (codes[name] != NO_ERROR) & (codes[other] != NO_ERROR)
        one, two = codes[name][both], codes[other][both]
        rows.append(
            {
                "scheme": name,
                "other": other,
                "n": len(one),
                "agreement": float((one == two).mean()) if len(one) else np.nan,
                "n_perseverative": int((one == PERSEVERATIVE).sum()),
                "n_perseverative_other": int((two == PERSEVERATIVE).sum()),
                "n_both_perseverative": int(
                    ((one == PERSEVERATIVE) & (two == PERSEVERATIVE)).sum()
                ),
            }
        )
    return pd.DataFrame(rows)


def _error_codes(scored: Scores | EpochTrials) -> dict[str, np.ndarray]:
    """Position in ``ERROR_TYPES`` of each wrong choice that follows another rule, by scheme."""
    trials = scored.trials
    wrong = (trials["outcome"] == "error").to_numpy() & shift_trials(trials, scored.task)
    return {name: trials[f"error_{name}"].cat.codes.to_numpy()[wrong] for name in SCHEMES}
