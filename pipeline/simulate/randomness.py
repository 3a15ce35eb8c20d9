"""Random generators that depend on names only, so that order and cores never change a result."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(*names: str, seed: int = 0) -> np.random.Generator:
    """Return the random generator that belongs to a name.

    Python's own ``hash`` of a string changes from process to process; SHA-256 does not.

    Parameters
    ----------
    *names : str
        What is drawn, from the general to the particular: ``"rat01_s1", "lfp", "CA1"``.
    seed : int
        Another seed gives another realisation of everything.

    Returns
    -------
    numpy.random.Generator
        PCG64, seeded by ``SeedSequence`` of the digest.
    """
    digest = hashlib.sha256("\x1f".join(names).encode()).digest()
    words = [int.from_bytes(digest[start : start + 4], "little") for start in range(0, 32, 4)]
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))
