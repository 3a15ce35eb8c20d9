"""How many stand behind a contrast: animals, sessions, entities, and who has every cell."""

from __future__ import annotations

import numpy as np

from pipeline.compare.arms import DRUG, REFERENCE, Arms


def counts(arms: Arms, used: np.ndarray, incomplete: np.ndarray) -> dict[str, int]:
    """Count what a contrast rests on.

    A mixed model takes animals that have one arm only, so that the number of animals hides how
    many had both: ``n_complete`` says so, ``n_condition`` and ``n_reference`` say which arm lacks
    them.

    Parameters
    ----------
    arms : Arms
        The comparison.
    used : ndarray of bool (2, unit, level)
        Cells that the contrast rests on.
    incomplete : ndarray of bool (unit,)
        Units that have some cell of the contrast but not all that their group needs.

    Returns
    -------
    dict
        Columns of contrasts.tsv: ``n_animals``, ``n_sessions``, ``n_entities``, and of the
        experimental units (animals or cages) ``n_complete`` with every cell that the design gives
        them, ``n_condition`` and ``n_reference`` with some cell of the drug, of its reference.
    """
    rows, mask = arms.slice.rows, arms.row_mask(used)
    return {
        "n_animals": len(np.unique(rows.animal[mask])),
        "n_sessions": len(np.unique(rows.session[mask])),
        "n_entities": _entities(arms, mask),
        "n_complete": int((used.any(axis=(0, 2)) & ~incomplete).sum()),
        "n_condition": int(used[DRUG].any(axis=1).sum()),
        "n_reference": int(used[REFERENCE].any(axis=1).sum()),
    }


def _entities(arms: Arms, mask: np.ndarray) -> int:
    """Entities over sessions: the most that any cell of a session rests on."""
    rows = arms.slice.rows
    most = np.zeros(int(rows.session.max(initial=-1)) + 1, dtype=np.int64)
    np.maximum.at(most, rows.session[mask], rows.n_entities[mask])
    return int(most.sum())
