"""Decision: whom it pays to contact, and whether it paid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crm_analysis import options, resampling
from crm_analysis.churn import profit, reasons
from crm_analysis.churn.actions import PlanResult, nothing
from crm_analysis.churn.model import ChurnModel
from crm_analysis.churn.profit import Offer
from crm_analysis.churn.sample import Sample
from crm_analysis.errors import UsageError

__all__ = ["Offer", "PlanResult", "plan"]

# Points of the profit curve.
_STEPS = 100


def plan(
    churn: ChurnModel,
    sample: Sample,
    *,
    value: float | pd.Series | Sequence[float],
    contact_cost: float,
    offer_cost: float,
    acceptance: float,
    takeup: float = 1.0,
    budget: float | None = None,
    hold_out: float = 0.1,
    campaigns: pd.DataFrame | None = None,
    rest_days: int = 90,
    resamples: int = 500,
    seed: int = 0,
    currency: str = "",
) -> PlanResult:
    """Decide whom to contact with an offer.

    Parameters
    ----------
    churn : ChurnModel
        A fitted model.
    sample : Sample
        The customers. With labels (`labels.snapshots(...).latest`) the plan is also tried on what happened; those of
        today, `current`, have none yet.
    value : float or Series
        What a customer who stays is worth over the time that counts, in currency: one for all, or one for each,
        indexed by customer_id.
    contact_cost, offer_cost : float
        Cost of a contact, and of the offer where it is taken, in currency.
    acceptance : float
        Share of would-be leavers whom the offer keeps, 0 to 1.
    takeup : float
        Share of stayers who take the offer all the same, 0 to 1.
    budget : float, optional
        The most that may be spent, in currency: expected costs of contacts and offers; by default without limit.
    hold_out : float
        Share of the customers on the list who are not contacted, drawn by lot: only they can show what contacting
        the others brings.
    campaigns : DataFrame, optional
        The campaigns table: customer_id, time. Who was in a campaign in the `rest_days` before the day of the sample
        (of a dateless table: before its last campaign), contacted or held out, is not on the list: the campaign is
        still being measured. Of today's customers, whose outcomes are not known yet, later campaigns count too.
    rest_days : int
        How long a campaign is measured, in days, as in `review.measure`.
    resamples : int
        Bootstrap resamples for the intervals of the profit curve.
    seed : int
        Of the lot and the resamples.
    currency : str
        For readers.

    Returns
    -------
    PlanResult

    Raises
    ------
    UsageError
        If a parameter is out of range or a customer has no value.

    Notes
    -----
    The expected gain of a contact is p a (V - d) - (1 - p) t d - f, with p the probability of leaving. Everybody with
    a positive gain is worth a contact; under a budget those come first who bring most for what they cost. The
    probabilities say who is likely to leave, not whom a contact would keep: the likeliest leaver is not the best
    target (Ascarza 2018), which `uplift` looks at where earlier campaigns had a control group.

    References
    ----------
    Ascarza, E. (2018). Retention futility: targeting high-risk customers might be ineffective. Journal of Marketing
    Research 55, 80-98.
    """
    offer = Offer(contact_cost, offer_cost, acceptance, takeup)
    if budget is not None and (not options.is_number(budget) or budget < 0):
        raise UsageError(
            f"The budget parameter of decision.plan must be 0 or more, or None for no limit, not {budget!r}."
        )
    if not options.is_number(hold_out) or not 0 <= hold_out < 1:
        raise UsageError(f"The hold_out parameter of decision.plan must be at least 0 and below 1, not {hold_out!r}.")
    resamples = options.whole(resamples, "resamples", caller="decision.plan", least=1)
    seed = options.whole(seed, "seed", caller="decision.plan")
    rest_days = options.whole(rest_days, "rest_days", caller="decision.plan", least=1)
    if why := churn.missing or sample.missing:
        return nothing(why, offer=offer, budget=budget, hold_out=hold_out, currency=currency)
    values = _values(value, sample)
    left = None if sample.label.isna().any() or not len(sample) else sample.left
    mixed = left is not None and 0 < left.sum() < len(left)
    # The rows of a dateless table trained the model, so what it says of them is learned by heart.
    by_heart = mixed and not sample.dated
    chance = churn.out_of_fold(sample, [churn.chosen_])[churn.chosen_] if by_heart else churn.chance(sample)
    gain, cost = offer.gain(chance, values), offer.cost(chance)
    resting = _resting(sample, campaigns, rest_days)
    chosen = _chosen(np.where(resting, -np.inf, gain), cost, budget)
    generator = np.random.default_rng(seed)
    arm = np.full(len(chosen), "treated", dtype=object)
    arm[generator.permutation(len(chosen))[: round(hold_out * len(chosen))]] = "control"
    told, whose = reasons.tell(churn, sample.take(chosen))
    listed = pd.DataFrame(
        {
            "customer_id": sample.features.index[chosen],
            "arm": arm,
            "probability_share": chance[chosen],
            "value": values[chosen],
            "expected_gain": gain[chosen],
            "expected_cost": cost[chosen],
            "reasons": told,
        }
    )
    curve = pd.DataFrame(columns=["contacted_share", "profit", "profit_low", "profit_high"])
    policies = _expected(gain, cost, chance, chosen)
    criteria: dict[str, float] = {}
    if left is not None and mixed:
        curve, policies = _tried(left, chance, values, offer, gain, chosen, resamples, seed)
        spent = [float(offer.cost(left[rows].astype("float64")).sum()) for rows in _policies(chance, chosen).values()]
        policies.insert(2, "cost", spent)
        typical = float(np.mean(values))
        most, share = profit.maximum(left, chance, value=typical, offer=offer)
        expected, _ = profit.expected_maximum(left, chance, value=typical, offer=offer)
        criteria = {"mpc": most, "mpc_share": share, "empc": expected}
    return PlanResult(
        actions=listed,
        policies=policies,
        curve=curve,
        criteria=criteria,
        offer=offer,
        customers=len(sample),
        worth_it=int(((gain > 0) & ~resting).sum()),
        resting=int(resting.sum()),
        rest_days=rest_days,
        break_even=float(np.median(np.atleast_1d(offer.break_even(values)))) if len(sample) else np.nan,
        budget=budget,
        hold_out=hold_out,
        currency=currency,
        known=bool(mixed),
        whose=whose,
    )


def _resting(sample: Sample, campaigns: pd.DataFrame | None, days: int) -> np.ndarray:
    """Whether each customer is in a campaign that is still being measured on the day of the sample."""
    if campaigns is None or (isinstance(campaigns, pd.DataFrame) and campaigns.empty):
        return np.zeros(len(sample), dtype=bool)
    campaigns = options.dated(campaigns, "campaigns", "customer_id", caller="decision.plan")
    begun = campaigns["time"]
    if sample.dated:
        # The sample knows everything through the end of its day.
        day = sample.as_of.max() + pd.Timedelta(days=1)
        running = begun >= day - pd.Timedelta(days=days)
        # Of a past day later campaigns are not known; of today's customers, who are not labelled yet, they are.
        if sample.label.notna().any():
            running &= begun < day
    else:
        running = begun > begun.max() - pd.Timedelta(days=days)
    return sample.features.index.isin(campaigns.loc[running, "customer_id"])


def _values(value: float | pd.Series | Sequence[float], sample: Sample) -> np.ndarray:
    if isinstance(value, pd.Series):
        twice = value.index[value.index.duplicated()]
        if len(twice):
            raise UsageError(f"decision.plan: customer {twice[0]!r} has two values; give one to each.")
        value = value.reindex(sample.features.index)
    try:
        values = np.asarray(value, dtype="float64")
    except (TypeError, ValueError) as error:
        raise UsageError("decision.plan: value must be a number, or one for each customer.") from error
    if values.ndim > 1:
        raise UsageError(f"decision.plan: value must be a number or a Series, not a table of {values.ndim} dimensions.")
    if values.ndim and len(values) != len(sample):
        raise UsageError(f"decision.plan: value has {len(values)} numbers for {len(sample)} customers.")
    values = np.broadcast_to(values, len(sample)).copy()
    if not np.isfinite(values).all():
        missing = sample.features.index[int(np.argmin(np.isfinite(values)))]
        raise UsageError(f"decision.plan: customer {missing!r} has no value; give one to each, such as 0.")
    return values


def _chosen(gain: np.ndarray, cost: np.ndarray, budget: float | None) -> np.ndarray:
    """Positions of the customers to contact, the best first."""
    pays = np.flatnonzero(gain > 0)
    if budget is None:
        return pays[np.argsort(-gain[pays], kind="stable")]
    with np.errstate(divide="ignore"):
        best = pays[np.argsort(-(gain[pays] / cost[pays]), kind="stable")]
    return best[np.cumsum(cost[best]) <= budget]


def _expected(gain: np.ndarray, cost: np.ndarray, chance: np.ndarray, chosen: np.ndarray) -> pd.DataFrame:
    """What each policy is expected to bring by the model's own probabilities."""
    rows = [
        {"policy": name, "contacted": len(rows), "cost": float(cost[rows].sum()), "profit": float(gain[rows].sum())}
        for name, rows in _policies(chance, chosen).items()
    ]
    return pd.DataFrame(rows).assign(profit_low=np.nan, profit_high=np.nan)


def _policies(chance: np.ndarray, chosen: np.ndarray) -> dict[str, np.ndarray]:
    order = np.argsort(-chance, kind="stable")
    return {
        "this plan": chosen,
        "everyone": np.arange(len(chance)),
        "the likeliest tenth": order[: max(1, len(order) // 10)] if len(order) else order,
        "p > 0.5": np.flatnonzero(chance > 0.5),
        "nobody": np.arange(0),
    }


def _tried(
    left: np.ndarray,
    chance: np.ndarray,
    values: np.ndarray,
    offer: Offer,
    gain: np.ndarray,
    chosen: np.ndarray,
    resamples: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What each policy would have brought, given who left, and the curve over the share that is contacted."""
    brought = offer.gain(left.astype("float64"), values)
    order = np.argsort(-gain, kind="stable")
    policies = _policies(chance, chosen)
    inside = np.zeros((len(policies), len(left)))
    for row, members in enumerate(policies.values()):
        inside[row, members] = brought[members]
    steps = np.unique(np.round(np.linspace(0, len(left), min(_STEPS, len(left)) + 1)).astype(int))
    sums, curves = [], []
    for weights in resampling.counts(
        np.random.default_rng(seed), size=len(left), resamples=_draws(len(left), resamples)
    ):
        sums.append(weights @ inside.T)
        ordered = (weights * brought)[:, order]
        by_block = np.add.reduceat(ordered, steps[:-1], axis=1)
        curves.append(np.concatenate([np.zeros((len(weights), 1)), np.cumsum(by_block, axis=1)], axis=1))
    low, high = np.quantile(np.concatenate(sums), [0.025, 0.975], axis=0)
    table = pd.DataFrame(
        {
            "policy": list(policies),
            "contacted": [len(members) for members in policies.values()],
            "profit": inside.sum(axis=1),
            "profit_low": low,
            "profit_high": high,
        }
    )
    curve_low, curve_high = np.quantile(np.concatenate(curves), [0.025, 0.975], axis=0)
    curve = pd.DataFrame(
        {
            "contacted_share": steps / len(left),
            "profit": np.concatenate([[0.0], np.cumsum(brought[order])])[steps],
            "profit_low": curve_low,
            "profit_high": curve_high,
        }
    )
    return curve, table


def _draws(customers: int, resamples: int) -> int:
    """Fewer resamples where each is long: their ends are sharp enough, and it would take minutes."""
    return int(min(resamples, max(100, 50_000_000 // max(customers, 1))))
