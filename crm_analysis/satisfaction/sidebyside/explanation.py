"""Explanation: why three estimators of one model differ, in sentences with the study's own numbers."""

from __future__ import annotations

import pandas as pd

from crm_analysis.satisfaction.paired.naming import with_ends
from crm_analysis.satisfaction.sidebyside.contrast import PAIRS
from crm_analysis.satisfaction.sidebyside.estimates import SideBySide
from crm_analysis.satisfaction.sidebyside.refitting import METHODS
from crm_analysis.table import count, listed, percent

# What a number rounds to when it is as good as equal.
_EVEN = 0.005


def of(result: SideBySide) -> tuple[str, ...]:
    """Return the findings: what may be compared, where they differ, why, and which to report for what."""
    if result.absent:
        return (result.absent,)
    why = _attenuation(result)[:1]
    return (*_unsound(result), *_agreement(result), *why, *_caution(result), _advice(result), _made(result))


def remarks(result: SideBySide) -> tuple[str, ...]:
    """Return what else is to be known of the differences, for those who look into them."""
    if result.absent:
        return ()
    rest = _attenuation(result)[1:]
    return (*rest, *_loadings(result), *_misfit(result), *_explained(result), *_single(result))


def _usable(result: SideBySide) -> list[str]:
    return [method for method in METHODS if not result.reasons[method]]


def _unsound(result: SideBySide) -> list[str]:
    said = []
    for method, name in METHODS.items():
        if not result.reasons[method]:
            continue
        share = result.inadmissible[method]
        draws = f"; {percent(share)} of the resamples have no sound solution" if share > 0 else ""
        said.append(f"{name} is not compared: {result.reasons[method]}{draws}.")
    return said


def _agreement(result: SideBySide) -> list[str]:
    usable = _usable(result)
    if len(usable) < 2:
        return [f"Only {METHODS[usable[0]]} is left, so there is nothing to set beside it."] if usable else []
    signs = result.paths[usable].apply(lambda row: row.gt(0).all() or row.lt(0).all(), axis=1)
    names = listed([METHODS[method] for method in usable])
    said = [f"{names} agree on the direction of {int(signs.sum())} of {count(len(signs), 'path')}"]
    if not result.resamples:
        return [f"{said[0]}.", "Which differences are beyond chance is not known: that takes a bootstrap."]
    for one, other in PAIRS:
        rows = result.differences[result.differences["pair"] == f"{METHODS[one]} less {METHODS[other]}"]
        if rows.empty or ((one, other) == PAIRS[-1] and len(usable) == len(METHODS)):
            continue
        sure = rows[rows["differs"]]
        text = f"{METHODS[one]} and {METHODS[other]} differ by more than chance in {len(sure)} of "
        text += count(len(rows), "path")
        if len(sure):
            top = sure.loc[sure["difference"].abs().idxmax()]
            text += f", most in {top['source']} to {top['target']}: by {with_ends(top, 'difference')}"
        said.append(text)
    return [f"{'; '.join(said)}."]


def _attenuation(result: SideBySide) -> list[str]:
    reference = result.reference
    if not reference:
        return []
    paths = result.paths
    gap, left = paths["pls"] - paths[reference], paths["pls"] - paths["weakened"]
    scores = result.reliability[result.reliability["items"] > 1]
    if scores.empty or float((gap**2).sum()) < _EVEN**2:
        return []
    low, high = scores.loc[scores["rho_a"].idxmin()], scores.loc[scores["rho_a"].idxmax()]
    far = paths.loc[gap.abs().idxmax()]
    text = (
        f"The main reason is measurement error: PLS takes scores as they are, and their reliability runs from "
        f"{low['rho_a']:.2f} ({low['construct']}) to {high['rho_a']:.2f} ({high['construct']}). {METHODS[reference]}'s "
        f"path from {far['source']} to {far['target']}, {far[reference]:.2f}, becomes {far['weakened']:.2f} among "
        f"such scores; PLS found {far['pls']:.2f}."
    )
    if reference == "plsc":
        return [f"{text} That is how consistent PLS is made, so it is arithmetic and no evidence."]
    # Evidence and no arithmetic: CB-SEM knows nothing of the scores.
    share = 1 - float((left**2).sum() / (gap**2).sum())
    if share < 0.5:
        text = text.replace("The main reason is measurement error", "Measurement error is not all")
        return [f"{text} It accounts for {percent(max(share, 0), digits=0)} of the squared differences only."]
    said = [f"{text} It accounts for {percent(share, digits=0)} of the squared differences over all paths."]
    grown = paths[(paths["pls"].abs() > paths[reference].abs() + _EVEN) & (paths["pls"] * paths[reference] > 0)]
    if len(grown):
        names = [f"{row['source']} to {row['target']}" for row in grown.to_dict("records")]
        said.append(
            f"Error does not only weaken: {listed(names)} {'is' if len(names) == 1 else 'are'} stronger by PLS, which "
            "lets one source carry what another, less reliable one no longer does."
        )
    return said


def _loadings(result: SideBySide) -> list[str]:
    reference = result.reference
    rows = result.loadings.dropna(subset=["pls", *([reference] if reference else [])])
    rows = rows[rows["construct"].isin(result.reliability.loc[result.reliability["items"] > 1, "construct"])]
    if not reference or rows.empty:
        return []
    mean = result.loading_gap
    return [
        f"PLS loadings are on average {rows['pls'].mean():.2f}, those of {METHODS[reference]} "
        f"{rows[reference].mean():.2f}, a difference of {with_ends(mean, 'difference')}: in PLS an item is part of the "
        "score that it is correlated with."
    ]


def _misfit(result: SideBySide) -> list[str]:
    if result.reasons["plsc"] or result.reasons["cb_sem"]:
        return []
    rows = result.paths
    far = rows.loc[(rows["plsc"] - rows["cb_sem"]).abs().idxmax()]
    fit = result.fit
    verdict = (
        f"the model misses the covariances of the answers by an SRMR of {fit['srmr']:.3f} (chi-square "
        f"{fit['chisq']:.1f} with {int(fit['df'])} degrees of freedom)"
    )
    return [
        "PLSc and CB-SEM both allow for measurement error and would agree in a model that holds: PLSc takes equation "
        f"by equation, CB-SEM all covariances at once, so that a misfit anywhere moves its paths. Here {verdict}, and "
        f"they are furthest apart in {far['source']} to {far['target']}: {far['plsc']:.2f} and {far['cb_sem']:.2f}."
    ]


def _explained(result: SideBySide) -> list[str]:
    rows = result.explained[result.explained["construct"] == result.focus]
    if rows.empty:
        return []
    row = rows.iloc[0]
    parts = []
    for method in _usable(result):
        value, low, high = (row[f"{method}_share{end}"] for end in ("", "_low", "_high"))
        ends = "" if pd.isna(low) else f" (95 % interval {100 * low:.1f} to {100 * high:.1f})"
        parts.append(f"{METHODS[method]} {percent(value)}{ends}")
    return [f"Explained of {result.focus}: {'; '.join(parts)}."]


def _single(result: SideBySide) -> list[str]:
    rows = result.reliability[result.reliability["items"] == 1]
    if rows.empty:
        return []
    names = listed(list(rows["construct"]))
    return [
        f"{names.capitalize()} {'has' if len(rows) == 1 else 'have'} a single item, which every method takes as free "
        "of error: if it is not, its paths are too weak in all of them."
    ]


def _caution(result: SideBySide) -> list[str]:
    said = []
    for method in _usable(result):
        share = result.inadmissible[method]
        if share > 0.05:
            said.append(
                f"{METHODS[method]} is sound on these answers, but {percent(share)} of the resamples give no sound "
                "solution: read its intervals with care."
            )
    return said


def _advice(result: SideBySide) -> str:
    use = "Report PLS for the index, for priorities in its points and for scores of single customers"
    if not result.reasons["cb_sem"]:
        other = " (or PLSc, which agrees with it)" if _agree(result) else ""
        return f"{use}; to test what causes what, report CB-SEM{other}, which also tests the model as a whole."
    if not result.reasons["plsc"]:
        return f"{use}; to test what causes what, report PLSc, since CB-SEM has no sound solution."
    if result.cures:
        cure = f"first {listed(list(result.cures))}, then estimate anew."
    else:
        cure = "constructs that cannot be told apart must be joined, or their items changed."
    return f"{use}; for a test of what causes what, these answers and this model are not enough: {cure}"


def _agree(result: SideBySide) -> bool:
    rows = result.differences[result.differences["pair"] == "PLSc less CB-SEM"]
    return len(rows) > 0 and result.resamples > 0 and not rows["differs"].any()


def _made(result: SideBySide) -> str:
    who = count(result.respondents, "respondent")
    out = f" ({result.left_out:,} more left out for a missing answer)" if result.left_out else ""
    draws = (
        f"; intervals from the same {count(result.resamples, 'bootstrap resample')} for all" if result.resamples else ""
    )
    return f"All from the same {who} with complete answers{out}, in standard deviations{draws}."
