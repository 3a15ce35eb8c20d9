"""Mixed models patch by patch are those of all rows at once; designs are made once."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.compare.cell_designs import Designs, cell_design
from pipeline.compare.cell_models import bayes_factor_additive, contrast_of, fit_cells
from pipeline.compare.mixed import fit_structure, prepare
from pipeline.compare.mixed_patched import Patched
from pipeline.compare.mixed_patches import make_patches
from pipeline.compare.mixed_structure import WHOLE_ROWS, make_structure
from pipeline.compare.mixed_terms import Term
from pipeline.compare.mixed_whole import Whole
from pipeline.errors import InputError

NAMES = {"names": ("condition", "context"), "unit": "animal"}


def crossover(n_animals=10, repeats=1):
    """Codes of the random terms, and X with a column per cell of 3 drugs x 3 contexts."""
    animal, drug, context, _ = (a.ravel() for a in np.indices((n_animals, 3, 3, repeats)))
    groups = {
        "animal": animal,
        "animal:drug": animal * 3 + drug,
        "animal:context": animal * 3 + context,
    }
    return groups, np.eye(9)[drug * 3 + context]


def noise(groups, seed=1):
    """Animals, animals x drugs and residuals of standard deviation one, contexts of a half."""
    rng = np.random.default_rng(seed)
    effects = [
        size * rng.normal(size=codes.max() + 1)[codes]
        for size, codes in zip((1.0, 1.0, 0.5), groups.values(), strict=True)
    ]
    return sum(effects) + rng.normal(size=len(effects[0]))


def design(kind):
    """Groups and X: complete, with lost rows, with repeats (and lost rows), with a covariate."""
    repeats = 4 if kind == "repeats" else 1
    groups, x = crossover(repeats=repeats)
    rng = np.random.default_rng(7)
    if kind == "covariate":
        x = np.column_stack([x, rng.normal(size=len(x))])
    if kind in ("incomplete", "repeats"):
        keep = rng.random(len(x)) > 0.2
        groups, x = {name: codes[keep] for name, codes in groups.items()}, x[keep]
    return groups, x


def both(groups, x, y, **options):
    """The fit patch by patch, and over all rows."""
    patched, whole = prepare(x, groups, whole_rows=0), prepare(x, groups, whole_rows=10**6)
    assert isinstance(patched.space, Patched) and isinstance(whole.space, Whole)
    return fit_structure(patched, y, **options), fit_structure(whole, y, **options)


@pytest.mark.parametrize("kind", ["complete", "incomplete", "repeats", "covariate"])
@pytest.mark.parametrize("bounded", [True, False])
def test_patch_by_patch_is_the_whole(kind, bounded):
    groups, x = design(kind)
    ours, whole = both(groups, x, noise(groups), bounded=bounded)
    assert (ours.converged, ours.fell_back) == (whole.converged, whole.fell_back) == (True, False)
    assert ours.criterion == pytest.approx(whole.criterion, rel=1e-11)
    assert ours.variance_components == pytest.approx(whole.variance_components, rel=1e-7)
    assert ours.fixed == pytest.approx(whole.fixed, rel=1e-9, abs=1e-12)
    rows = np.zeros((2, x.shape[1]))
    rows[:, 0], rows[0, 3], rows[1, 6] = 1, -1, -1
    for method in ("kenward-roger", "satterthwaite"):
        one, other = ours.contrast(rows, method=method), whole.contrast(rows, method=method)
        assert (one.statistic, one.df) == pytest.approx((other.statistic, other.df), rel=1e-7)
        one, other = ours.contrast(rows[0], method=method), whole.contrast(rows[0], method=method)
        assert (one.se, one.df, one.p) == pytest.approx((other.se, other.df, other.p), rel=1e-7)


@pytest.mark.parametrize("kind", ["complete", "incomplete", "repeats"])
def test_deletion_patch_by_patch(kind):
    """Whole animals, single sessions (part of an animal), and drugs (part of every animal)."""
    groups, x = design(kind)
    ours, whole = both(groups, x, noise(groups), bounded=False)
    for codes in (groups["animal"], groups["animal:drug"], groups["animal:drug"] % 3):
        one, other = ours.leave_out(codes), whole.leave_out(codes)
        assert (np.isnan(one) == np.isnan(other)).all()
        assert one == pytest.approx(other, rel=1e-8, abs=1e-10, nan_ok=True)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_full_likelihood_patch_by_patch(seed):
    """A variance at its bound is exactly zero in both."""
    groups, x = design("incomplete")
    y = np.random.default_rng(seed).normal(size=len(x))
    ours, whole = both(groups, x, y, reml=False)
    assert ours.bic == pytest.approx(whole.bic, rel=1e-11)
    zero = [name for name, value in whole.variance_components.items() if value == 0.0]
    assert zero == [name for name, value in ours.variance_components.items() if value == 0.0]


def test_slopes_patch_by_patch():
    rng = np.random.default_rng(3)
    animal = np.repeat(np.arange(9), 6)
    days = np.tile(np.arange(6.0), 9) + rng.normal(size=54) * 0.1
    y = rng.normal(size=9)[animal] + rng.normal(size=9)[animal] * days + rng.normal(size=54)
    term = Term("animal", animal, (("Intercept", None), ("days", days)))
    x = np.column_stack([np.ones(54), days])
    ours, whole = (
        fit_structure(make_structure(x, [term], ["one", "days"], whole_rows=n), y)
        for n in (0, 10**6)
    )
    assert ours.criterion == pytest.approx(whole.criterion, rel=1e-10)
    assert ours.variance_components == pytest.approx(whole.variance_components, rel=1e-5)
    assert ours.contrast([0, 1]).df == pytest.approx(whole.contrast([0, 1]).df, rel=1e-5)


def test_what_is_refused_patch_by_patch():
    groups, x = crossover()
    y, animal = noise(groups), groups["animal"]
    context = groups["animal:context"] % 3
    refused = {
        "do not vary beyond": {"animal": animal, "context": context},
        "told apart: animal:drug, again": {
            "animal": animal,
            "animal:drug": groups["animal:drug"],
            "again": groups["animal:drug"].max() - groups["animal:drug"],
        },
    }
    for message, terms in refused.items():
        for whole_rows in (0, 10**6):
            with pytest.raises(InputError, match=message):
                prepare(x, terms, whole_rows=whole_rows)
    # one value per animal, copied to its nine rows
    copied = np.random.default_rng(1).normal(size=10)[animal]
    with pytest.raises(InputError, match="no residual variation"):
        fit_structure(prepare(x, {"animal": animal}, whole_rows=0), copied)
    with pytest.raises(InputError, match="beyond the fixed effects"):
        fit_structure(prepare(x, groups, whole_rows=0), x @ np.arange(9.0))
    assert fit_structure(prepare(x, groups, whole_rows=0), y).converged


def test_patches_are_animals_and_those_alike_one_kind():
    groups, x = crossover(n_animals=200)
    space = prepare(x, groups).space
    assert isinstance(space, Patched) and len(x) > WHOLE_ROWS
    assert len(space.patches.kind) == 200 and space.patches.counts.tolist() == [200]
    assert space.pieces.shape == (3, 1, 9, 9)
    keep = np.arange(len(x)) != 4
    lost = prepare(x[keep], {name: codes[keep] for name, codes in groups.items()}).space
    assert sorted(lost.patches.counts) == [1, 199]
    # a term that crosses the animals links them all
    rig = {"animal": groups["animal"], "rig": np.arange(len(x)) % 7}
    assert isinstance(prepare(x, rig).space, Whole)


def test_the_bases_of_patches_hold_x_and_z():
    groups, x = design("repeats")
    terms = [Term(name, np.unique(c, return_inverse=True)[1]) for name, c in groups.items()]
    patches = make_patches(x, terms)
    inside = patches.to_basis(x)
    assert patches.to_rows(inside) == pytest.approx(x, abs=1e-12)
    for term in terms:
        (z,) = term.columns()
        assert patches.to_rows(patches.to_basis(z)) == pytest.approx(z, abs=1e-12)
    every = np.hstack([z for term in terms for z in term.columns()])
    assert patches.random_rank == np.linalg.matrix_rank(every)
    assert patches.rank < patches.n


# ---- where a variance tends to its limit


@pytest.mark.parametrize("whole_rows", [0, 10**6])
def test_animals_that_differ_a_thousandfold_leave_enough_digits(whole_rows):
    """Crossovers with lost rows; without the digits the search ends beside the minimum."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        groups, x = crossover(n_animals=8)
        keep = rng.random(len(x)) > 0.15
        groups, x = {name: codes[keep] for name, codes in groups.items()}, x[keep]
        y = 1000 * rng.normal(size=8)[groups["animal"]] + rng.normal(size=len(x))
        fit = fit_structure(prepare(x, groups, whole_rows=whole_rows), y, bounded=False)
        assert fit.converged and not fit.fell_back


@pytest.mark.parametrize("whole_rows", [0, 10**6])
@pytest.mark.parametrize("seed", [26, 186, 382])
def test_rounding_is_not_taken_for_a_minimum(seed, whole_rows):
    """Most cells are lost: V is nearly singular where the search without bounds leads."""
    rng = np.random.default_rng(seed)
    drug, animal, context = np.nonzero(rng.random((4, 11, 3)) > rng.choice([0.55, 0.65, 0.7]))
    groups = {"animal": animal, "animal:drug": animal * 4 + drug}
    groups["animal:context"] = animal * 3 + context
    x = np.eye(12)[drug * 3 + context]
    spread = rng.choice([0, 0.1, 1], 3)
    y = rng.normal(size=len(x)) + sum(
        size * rng.normal(size=codes.max() + 1)[codes]
        for size, codes in zip(spread, groups.values(), strict=True)
    )
    structure = prepare(x[:, x.any(axis=0)], groups, whole_rows=whole_rows)
    fit, bounded = fit_structure(structure, y, bounded=False), fit_structure(structure, y)
    # the minimum without bounds is no higher than that within them; where there is none, the
    # bounded fit stands in
    assert fit.fell_back
    assert fit.criterion == bounded.criterion
    # of 38 rows no residual variance is left at the minimum: no test may rest on it
    assert fit.converged == (seed != 26)


# ---- designs are shared


def values(seed, shape=(2, 6, 3)):
    return np.random.default_rng(seed).normal(size=shape)


def test_a_design_is_made_once_and_changes_no_number():
    designs = Designs()
    first, second = (fit_cells(values(seed), designs=designs) for seed in (1, 2))
    assert first.design is second.design
    coefficients = np.array([[1.0, 0, 0], [-1, 0, 0]])
    alone = contrast_of(fit_cells(values(2)), coefficients, alpha=0.05)
    assert contrast_of(second, coefficients, alpha=0.05) == alone
    odds = [bayes_factor_additive(values(2), **NAMES, designs=d) for d in (designs, designs, None)]
    assert odds[0] == odds[1] == odds[2]


def test_other_cells_periods_or_covariates_are_other_designs():
    designs = Designs()
    lost = values(1)
    lost[0, 0, 0] = np.nan
    period = np.zeros((2, 6, 3, 2))
    period[0, :3, :, 0] = period[1, 3:, :, 0] = period[0, 3:, :, 1] = period[1, :3, :, 1] = 1
    models = [
        fit_cells(values(1), designs=designs),
        fit_cells(lost, designs=designs),
        fit_cells(values(1), occasion=period, designs=designs),
        fit_cells(values(1), occasion=period[..., ::-1], designs=designs),
        fit_cells(values(1), unit="cage", designs=designs),
        fit_cells(values(1), covariate=values(2), designs=designs),
        fit_cells(values(1), covariate=values(3), designs=designs),
    ]
    assert len({id(model.design) for model in models}) == 7
    assert models[2].design.full.tolist() != models[3].design.full.tolist()
    assert "(1|cage)" in models[4].text and "baseline" in models[5].text


def test_only_the_latest_designs_are_kept():
    designs = Designs(kept=2)
    here = np.ones((2, 6, 3), dtype=bool)
    masks = [here.copy() for _ in range(3)]
    for index, mask in enumerate(masks):
        mask[0, index, 0] = False

    def ask(mask):
        return designs.cells(mask, **NAMES, occasion=None)

    first, second = ask(masks[0]), ask(masks[1])
    assert ask(masks[0]) is first
    ask(masks[2])  # the second was used longest ago
    assert ask(masks[0]) is first
    again = ask(masks[1])
    assert again is not second
    assert again.full.tolist() == cell_design(masks[1], **NAMES).full.tolist()
