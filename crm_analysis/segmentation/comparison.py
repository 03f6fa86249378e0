"""Comparison: which family of segmentation tells best what customers do next, out of time?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError, UsageError
from crm_analysis.segmentation import separation
from crm_analysis.segmentation.families import CHANCE, ComparisonResult
from crm_analysis.table import count

__all__ = ["CHANCE", "ComparisonResult", "cross", "out_of_time"]

_NONE = "there are no purchases in this study."
_NEEDED = ("customer_id", "frequency", "monetary")


def out_of_time(
    before: pd.DataFrame,
    after: pd.DataFrame,
    *,
    families: Mapping[str, pd.Series],
    reference: str = "demographics",
    folds: int = 5,
    draws: int = 1000,
    top: float = 0.2,
    seed: int = 0,
    label: str = "",
) -> ComparisonResult:
    """Compare how well families of segmentation, known at one day, separate what customers do until a later day.

    Parameters
    ----------
    before, after : DataFrame
        The customer view of an earlier and of a later day, as `Study.customer360` gives them: ``customer_id``,
        ``frequency`` (orders) and ``monetary`` (currency). Compared are customers with a purchase by the earlier day.
    families : mapping of str to Series
        Labels indexed by customer_id, made from `before` alone. A customer without a label is in a group of those.
    reference : str
        The family that the others are compared with; without it there are no differences.
    folds : int
        Parts of the customers; each is predicted from the others.
    draws : int
        Bootstrap draws.
    top : float
        The part of the customers that counts as the best, above 0 and below 1.
    seed : int
        For the folds, the control and the draws.
    label : str
        What to call the comparison, such as its two days.

    Returns
    -------
    ComparisonResult
        Where the views hold no purchases, or those of fewer customers than four a fold, one that says so. A family that
        labels nobody is left out, and named.

    Raises
    ------
    UsageError
        If a customer has two rows, no family is given, one has two labels for a customer or no customer in common, or
        a parameter is out of range.
    DataError
        If an amount is missing.

    Notes
    -----
    Next-period spend is ``monetary`` of the later view less that of the earlier; retained means a higher ``frequency``.
    Each customer is predicted by the mean of the group in the other folds, shrunk towards the mean of all (see
    `separation.shrunken_means`). R2 is 1 - sum of squared errors / sum of squares about the mean; it is below zero
    where groups tell less than nothing. Ranks are compared within a fold.

    The intervals come from a bootstrap over customers with their folds kept, so that nobody predicts himself; group
    means are learned anew in each draw. The draws are moved so that their mean is the estimate, and their percentiles
    are the ends. All families share the draws: differences are paired. The differences of a measure have intervals at
    1 - .05 / number of families, so that they hold together.

    References
    ----------
    Efron, B. and Tibshirani, R. J. (1993). An Introduction to the Bootstrap. Chapman and Hall, chapters 13 and 17.
    """
    _check(families, folds=folds, draws=draws, top=top)
    if any(column not in view.columns for view in (before, after) for column in _NEEDED):
        return _empty(reference if reference in families else "", top, label, _NONE)
    for view in (before, after):
        twice = view.loc[view["customer_id"].duplicated(), "customer_id"]
        if len(twice):
            raise UsageError(f"comparison: customer_id {twice.iloc[0]!r} appears twice; give one row per customer.")
    bought = before[before["frequency"] > 0]
    later = after.set_index("customer_id")[["frequency", "monetary"]]
    known = bought[bought["customer_id"].isin(later.index)].set_index("customer_id")
    if known.empty:
        why = _NONE if bought.empty else "no customer who had bought is in the later view."
        return _empty(reference if reference in families else "", top, label, why)
    if len(known) < 4 * folds:
        why = f"it takes {4 * folds} customers with an earlier purchase, four for each of {folds} folds, and there "
        why += f"{'is' if len(known) == 1 else 'are'} {len(known)}."
        return _empty(reference if reference in families else "", top, label, why)
    without = tuple(name for name, labels in families.items() if labels.empty)
    families = {name: labels for name, labels in families.items() if name not in without}
    if not families:
        return _empty("", top, label, "no customer has a label of any family.")
    generator = np.random.default_rng(seed)
    later = later.loc[known.index]
    _check_amounts(known, later)
    outcome = separation.Outcome(
        spend=(later["monetary"] - known["monetary"]).to_numpy("float64"),
        retained=(later["frequency"] > known["frequency"]).to_numpy("float64"),
        folds=generator.permutation(np.arange(len(known)) % folds),
    )
    codes = {name: _codes(name, labels, known.index) for name, labels in families.items()}
    finest = max(codes, key=lambda name: codes[name].max())
    codes[CHANCE] = generator.permutation(codes[finest])
    scorers = {name: separation.Scorer(code, outcome, top=top) for name, code in codes.items()}
    once, cells = np.ones((1, len(known))), max(scorer.cells for scorer in scorers.values())
    found = np.stack([scorer.scores(once)[0] for scorer in scorers.values()])
    drawn = np.concatenate(
        [
            np.stack([scorer.scores(some) for scorer in scorers.values()])
            for some in separation.weights(generator, n=len(known), cells=cells, draws=draws)
        ],
        axis=1,
    )
    rows = []
    for place, name in enumerate(scorers):
        unlabelled = int(known.index.isin(families[name].dropna().index).sum()) if name in families else len(known)
        row = {"family": name, "groups": int(codes[name].max()) + 1, "unlabelled_customers": len(known) - unlabelled}
        for column, measure in enumerate(separation.MEASURES):
            row |= _estimate(measure, found[place, column], drawn[place, :, column], level=0.95)
        rows.append(row)
    return ComparisonResult(
        families=pd.DataFrame(rows),
        # A reference of one group tells nothing: better than it is whoever is better than a lot.
        differences=_differences(list(scorers), found, drawn, reference if np.ptp(codes.get(reference, 0)) else ""),
        customers=len(known),
        retained=int(outcome.retained.sum()),
        left_out=len(before) - len(known),
        reference=reference if reference in families else "",
        top=top,
        label=label,
        without=without,
    )


def cross(families: Mapping[str, pd.Series]) -> pd.Series:
    """Cross several families into one: customers are alike where they are alike in all.

    Parameters
    ----------
    families : mapping of str to Series
        Labels indexed by customer_id.

    Returns
    -------
    Series of str
        The labels of all families joined, for every customer of any of them.
    """
    if not families:
        raise UsageError("comparison: there is no family to cross; give labels by name.")
    texts = [labels.astype("object").map(str, na_action="ignore") for labels in families.values()]
    customers = pd.Index(dict.fromkeys(customer for labels in texts for customer in labels.index))
    together = [labels.reindex(customers).fillna("none") for labels in texts]
    return together[0].str.cat(together[1:], sep=" / ").rename("cross")


def _check(families: Mapping[str, pd.Series], *, folds: int, draws: int, top: float) -> None:
    if not families:
        raise UsageError("comparison: families is empty; give at least one name with its labels.")
    if CHANCE in families:
        raise UsageError(f"comparison: {CHANCE!r} is the name of the control; call the family something else.")
    if folds < 2 or draws < 100 or not 0 < top < 1:
        raise UsageError(
            f"comparison: folds must be 2 or more, draws 100 or more and top between 0 and 1, not {folds}, {draws} and "
            f"{top}."
        )


def _check_amounts(*views: pd.DataFrame) -> None:
    for view in views:
        missing = int((~np.isfinite(view["monetary"].to_numpy("float64"))).sum())
        if missing:
            raise DataError(f"comparison: monetary is missing for {count(missing, 'customer')}; mend it.")


def _codes(name: str, labels: pd.Series, customers: pd.Index) -> np.ndarray:
    if labels.index.has_duplicates:
        raise UsageError(f"comparison: the family {name!r} has two labels for one customer; give one per customer_id.")
    found = labels.astype("object").reindex(customers)
    if found.isna().all():
        raise UsageError(
            f"comparison: the family {name!r} labels none of the customers; index it by customer_id, for example "
            "frame.set_index('customer_id')['segment']."
        )
    return pd.factorize(found.astype(str).where(found.notna(), "\0none"), sort=True)[0].astype("int64")


def _estimate(name: str, value: float, drawn: np.ndarray, *, level: float) -> dict[str, float]:
    held = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or not len(held):
        return {name: np.nan, f"{name}_low": np.nan, f"{name}_high": np.nan}
    # Drawn customers repeat, so groups learned from them predict a little worse: the draws are moved to the estimate.
    low, high = np.quantile(held, [(1 - level) / 2, (1 + level) / 2]) + value - held.mean()
    return {name: float(value), f"{name}_low": float(low), f"{name}_high": float(high)}


def _differences(names: list[str], found: np.ndarray, drawn: np.ndarray, reference: str) -> pd.DataFrame:
    others = [name for name in names if name not in (reference, CHANCE)]
    rows = []
    if reference in names:
        base = names.index(reference)
        for column, measure in enumerate(separation.MEASURES):
            for name in others:
                place = names.index(name)
                value = found[place, column] - found[base, column]
                spread = drawn[place, :, column] - drawn[base, :, column]
                ends = _estimate("difference", value, spread, level=1 - 0.05 / len(others))
                rows.append({"measure": measure, "family": name, **ends})
    return pd.DataFrame(rows, columns=["measure", "family", "difference", "difference_low", "difference_high"])


def _empty(reference: str, top: float, label: str, why: str) -> ComparisonResult:
    columns = [f"{measure}{end}" for measure in separation.MEASURES for end in ("", "_low", "_high")]
    families = pd.DataFrame(columns=["family", "groups", "unlabelled_customers", *columns])
    none = _differences([], np.empty(0), np.empty(0), "")
    return ComparisonResult(families, none, 0, 0, 0, reference, top, label, why=why)
