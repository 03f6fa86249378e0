"""Classification: attitude by behaviour and the six kinds of loyalty, each customer with its rule, and how sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis import options
from crm_analysis.loyalty import indicators as measuring
from crm_analysis.loyalty.kinds.gathering import Columns, Gathered, gather
from crm_analysis.loyalty.kinds.profileresult import GROUP_COLUMNS, KIND_COLUMNS, QUADRANT_COLUMNS, ProfileResult
from crm_analysis.loyalty.kinds.rules import NONE, OTHER, QUADRANTS, RULES, UNKNOWN, Judge, Rule, ordered
from crm_analysis.proportion import share, share_of_total

_EXPLAINED = {
    OTHER: "behaviour high, no rule fits",
    NONE: "neither behaviour nor attitude",
    UNKNOWN: "an indicator that decides is missing",
}


def classify(
    customers: pd.DataFrame,
    *,
    columns: Columns | None = None,
    ends: measuring.Ends | None = None,
    cuts: Mapping[str, float] | None = None,
    reliability: Mapping[str, float] | None = None,
    rules: Sequence[Rule] = RULES,
    order: Sequence[str] = (),
    worth: str = "",
    by: str = "",
    draws: int = 300,
    seed: int = 0,
) -> ProfileResult:
    """Classify customers by attitude and behaviour, and by the kind of their loyalty.

    Parameters
    ----------
    customers : DataFrame
        One row per customer (``customer_id``) with what is known on one day: the customer view joined with the
        ``objective`` value of `score.measure`.
    columns : mapping of str to str or sequence of str, optional
        Columns of the indicators attitude, behaviour, alternatives, switching_cost, membership, discount_share and
        habit, where they differ from `gathering.COLUMNS`; ``-`` before a column turns it round.
    ends : mapping of str to (low, high), optional
        Lowest and highest code of columns with a scale (`study.config.survey.items`).
    cuts : mapping of str to float, optional
        Cut-points (0 to 100) by indicator. By default answers are cut at the thirds of their scale (attitude, switching
        cost and habit high from two thirds on, alternatives low up to one third), behaviour at its median and the
        discount share at its upper quartile. Give `ProfileResult.cuts` of an earlier period to freeze all of them.
    reliability : mapping of str to float, optional
        By indicator. By default Cronbach's alpha where it has several items, 0.7 assumed for a single question, 1 for
        records.
    rules : sequence of Rule
        The rules; the first that fits decides.
    order : sequence of str, optional
        The kinds in another order.
    worth : str, optional
        Column with an amount, such as spend; where it is not there the result says so.
    by : str, optional
        Column with groups, such as the region; likewise.
    draws : int
        How often the indicators are perturbed.
    seed : int
        For the perturbations.

    Returns
    -------
    ProfileResult
        Where attitude or behaviour is not in the study, one that says so.

    Raises
    ------
    UsageError
        If an indicator or kind is unknown, a customer has two rows, or a number is out of range.

    Notes
    -----
    A kind whose indicators are not in the study cannot be told: its customers are among the others, and the result says
    so. A customer of whom an indicator is missing that an earlier rule needs is unknown.

    *How sure*: in each draw every indicator x gets a normal error with standard deviation s sqrt(1 - reliability), s
    that of x among the customers, and the verdict is taken anew. Certainty is the share of draws with the same verdict:
    how far it hangs on errors of the size that the questions are known to have. It is not the chance of being right,
    which also depends on the rules.

    References
    ----------
    Dick, A. S. and Basu, K. (1994). Customer loyalty: toward an integrated conceptual framework. JAMS 22, 99-113.
    Wanous, J. P., Reichers, A. E. and Hudy, M. J. (1997). Overall job satisfaction: how good are single-item measures?
    Journal of Applied Psychology 82, 247-252.
    """
    draws = options.whole(draws, "draws", caller="profile", least=20)
    seed = options.whole(seed, "seed", caller="profile")
    frame = measuring.by_customer(customers, caller="profile")
    absent = tuple(column for column in (worth, by) if column and column not in frame.columns)
    worth, by = ("" if column in absent else column for column in (worth, by))
    chosen = ordered(rules, order)
    gathered = gather(customers, columns=columns or {}, ends=ends, cuts=cuts, reliability=reliability)
    known = list(gathered.points.columns)
    tested = [rule.tested(known) for rule in chosen]
    judge = Judge(chosen, gathered.cuts, [rule for rule in tested if rule])
    placed = _placed(judge, gathered, draws=draws, seed=seed)
    amounts = measuring.numbers(frame[worth], worth).to_numpy() if worth else None
    explained = {
        rule.kind: own.sentence(gathered.cuts) if own else f"unknown: {rule.missing(known)} not in this study"
        for rule, own in zip(chosen, tested, strict=True)
    }
    kinds = _counted(placed["kind"], placed["certainty"], [*explained, OTHER, NONE, UNKNOWN], amounts)
    kinds.insert(1, "rule", [(explained | _EXPLAINED)[kind] for kind in kinds["kind"]])
    untested = [rule.kind for rule, own in zip(chosen, tested, strict=True) if own is None]
    kinds.loc[kinds["kind"].isin(untested), ["share", "share_low", "share_high"]] = np.nan
    placed["rule"] = placed["kind"].map(explained | _EXPLAINED)
    quadrants = _counted(placed["quadrant"], placed["quadrant_certainty"], [*QUADRANTS, UNKNOWN], amounts)
    fits = (judge.fits(_arrays(gathered)) == 1).sum(axis=0) if len(known) else np.zeros(len(frame))
    return ProfileResult(
        kinds=kinds.reindex(columns=KIND_COLUMNS),
        quadrants=quadrants.rename(columns={"kind": "quadrant"}).reindex(columns=QUADRANT_COLUMNS),
        groups=_by_group(placed, frame, by),
        indicators=gathered.table,
        customers=placed.rename_axis("customer_id").reset_index(),
        untested=tuple(untested),
        several=int((fits > 1).sum()),
        worth=worth,
        by=by,
        absent=absent,
    )


def _arrays(gathered: Gathered) -> dict[str, np.ndarray]:
    return {str(name): values.to_numpy("float64") for name, values in gathered.points.items()}


def _placed(judge: Judge, gathered: Gathered, *, draws: int, seed: int) -> pd.DataFrame:
    points, index = _arrays(gathered), gathered.points.index
    verdicts = np.array([*judge.verdicts], dtype=object)
    quarters = np.array([*QUADRANTS, UNKNOWN], dtype=object)
    both = {"attitude", "behaviour"} <= set(points)
    if not points:
        nothing = {"quadrant": UNKNOWN, "quadrant_certainty": np.nan, "kind": UNKNOWN, "certainty": np.nan}
        return pd.DataFrame(nothing, index=index)
    kinds = judge.kinds(points)
    quadrants = judge.quadrants(points) if both else np.full(len(index), -1)
    noise = {name: np.nanstd(values) * np.sqrt(1 - gathered.reliability[name]) for name, values in points.items()}
    generator = np.random.default_rng(seed)
    same, alike = np.zeros(len(index)), np.zeros(len(index))
    for _ in range(draws):
        # Every indicator has its own errors in every draw, whether they count or not: so draws repeat.
        errors = generator.normal(size=(len(points), len(index)))
        drawn = {name: values + noise[name] * own for (name, values), own in zip(points.items(), errors, strict=True)}
        same += verdicts[judge.kinds(drawn)] == verdicts[kinds]
        alike += judge.quadrants(drawn) == quadrants if both else False
    found = {
        "quadrant": quarters[quadrants],
        "quadrant_certainty": np.where(quadrants >= 0, alike / draws, np.nan),
        "kind": verdicts[kinds],
        "certainty": np.where(verdicts[kinds] != UNKNOWN, same / draws, np.nan),
    }
    return pd.DataFrame(found, index=index)


def _counted(labels: pd.Series, certainty: pd.Series, names: list[str], amounts: np.ndarray | None) -> pd.DataFrame:
    """Count labels, with shares of those that are known, mean certainty, and what their customers are worth."""
    total = int((labels != UNKNOWN).sum())
    # Worth is shared among those who have a verdict.
    amount = None if amounts is None else np.nan_to_num(amounts) * (labels != UNKNOWN).to_numpy()
    rows = []
    for name in names:
        inside = (labels == name).to_numpy()
        number = int(inside.sum())
        row: dict[str, Any] = {"kind": name, "customers": number}
        ends = share(number, total) if name != UNKNOWN else (np.nan, np.nan, np.nan)
        row |= dict(zip(("share", "share_low", "share_high"), ends, strict=True))
        row["certainty_share"] = float(certainty[inside].mean()) if number and name != UNKNOWN else np.nan
        if amounts is not None and amount is not None and name != UNKNOWN:
            ends = share_of_total(amount, inside)
            row |= dict(zip(("worth_share", "worth_share_low", "worth_share_high"), ends, strict=True))
            row["worth_mean"] = float(np.nan_to_num(amounts[inside]).mean()) if number else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def _by_group(placed: pd.DataFrame, frame: pd.DataFrame, by: str) -> pd.DataFrame:
    known = placed[placed["kind"] != UNKNOWN]
    rows = []
    if by:
        groups = frame.loc[known.index, by]
        for group, place in known.groupby(groups, sort=True).groups.items():
            inside = known.loc[place, "kind"]
            for kind, number in inside.value_counts(sort=False).sort_index().items():
                rows.append([str(group), kind, int(number), *share(int(number), len(inside))])
    return pd.DataFrame(rows, columns=list(GROUP_COLUMNS))
