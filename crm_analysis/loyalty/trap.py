"""Trap: satisfied customers who leave all the same. How many, where the curve bends, who they are, and why.

`detect` answers that from plain Series; `remedies` asks what more value or higher switching cost would bring, `lagged`
what satisfaction of an earlier wave still tells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import options
from crm_analysis.errors import UsageError
from crm_analysis.loyalty.curves import detection, pictures, statements, tables
from crm_analysis.loyalty.curves.facts import Evidence, Facts
from crm_analysis.loyalty.curves.lagging import LaggedResult, lagged
from crm_analysis.loyalty.curves.remedies import RemedyResult, compare
from crm_analysis.result import Result, metric_key

__all__ = ["LaggedResult", "RemedyResult", "TrapResult", "detect", "lagged", "remedies"]


@dataclass(frozen=True, eq=False, repr=False)
class TrapResult(Result):
    """The satisfaction trap of one study.

    Attributes
    ----------
    rate : Series
        ``estimate``, ``ci_lower``, ``ci_upper``: share of the satisfied who are not loyal; ``excess``,
        ``excess_ci_lower``, ``excess_ci_upper``: what of it a straight line of the same strength would not give.
    curve : DataFrame
        The free curve: ``satisfaction`` (0-100), ``loyalty`` (0-1), ``ci_lower``, ``ci_upper`` (at each place).
    curves : DataFrame
        By ``kind``, free, monotone, piecewise and corrected for error; also ``band_lower`` and ``band_upper``, which
        hold the whole curve.
    break_points : DataFrame
        ``position``, ``ci_lower``, ``ci_upper``; no rows: none found.
    flat_zone : DataFrame
        One row, or none: where the curve is flat, and how wide that zone is.
    boxes : DataFrame
        Loyal share of the top box and of the next, and the difference.
    explanations : DataFrame
        ``name``, ``contribution`` (share of the variation that the explanations explain), ``ci_lower``, ``ci_upper``,
        ``pvalue`` (closed testing), ``verdict``.
    points : DataFrame
        What each explanation adds to the mean shortfall of the satisfied below the straight line, in behaviour's unit.
    factors : DataFrame
        Slope of basic and latent satisfaction among their lowest and highest third, per standard deviation.
    customers : DataFrame
        ``customer_id``, ``type`` (apostle, mercenary, hostage, defector), ``trapped``.
    types, groups, by_competition : DataFrame
        Shares of the types; rate and excess by group; the free curve by level of competition.
    group_breaks : DataFrame
        The break of each group's own curve: ``grouping``, ``group``, ``customers``, ``position``, ``ci_lower``,
        ``ci_upper``, ``pvalue``, ``verdict`` (one break, two breaks, no break found, too few).
    facts, evidence
        What the sentences tell, and what `remedies` draws on.
    """

    rate: pd.Series
    curve: pd.DataFrame
    curves: pd.DataFrame
    break_points: pd.DataFrame
    flat_zone: pd.DataFrame
    boxes: pd.DataFrame
    explanations: pd.DataFrame
    points: pd.DataFrame
    factors: pd.DataFrame
    customers: pd.DataFrame
    types: pd.DataFrame
    groups: pd.DataFrame
    by_competition: pd.DataFrame
    group_breaks: pd.DataFrame
    facts: Facts
    evidence: Evidence | None
    title = "Satisfaction trap"
    shown: ClassVar[dict[str, str]] = {
        "summary": "The satisfied who are not loyal",
        "break_points": "Where the curve bends",
        "boxes": "Loyal share of the highest answers and of those next to them",
        "explanations": "Explanations, each tested given the others; contribution: share of what they explain together",
        "factors": "What one standard deviation more adds among those who have least and most of it",
        "types": "Types of customers (Jones and Sasser)",
        "groups": "Trap rate by group; excess over each group's own line",
        "group_breaks": "Satisfaction at which the curve of each group bends",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.curve.copy()

    def summary(self) -> pd.DataFrame:
        """Return rate and excess as a table."""
        ends = ("ci_lower", "ci_upper")
        rows = [
            ("trap rate", self.rate["estimate"], *(self.rate[end] for end in ends)),
            ("excess over a straight line", self.rate["excess"], *(self.rate[f"excess_{end}"] for end in ends)),
        ]
        return pd.DataFrame(rows, columns=["measure", "share", "share_low", "share_high"])

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return every table by name; intervals have the house's names, ``x_low`` and ``x_high`` beside ``x``."""
        estimates = {"break_points": "position", "group_breaks": "position", "explanations": "contribution_share"}
        curves = ("curve", "curves", "by_competition", "break_points", "flat_zone")
        others = ("boxes", "explanations", "points", "factors", "customers", "types", "groups", "group_breaks")
        named = {name: getattr(self, name) for name in (*curves, *others)}
        shown = {name: tables.as_shown(frame, estimates.get(name, "loyalty")) for name, frame in named.items()}
        return {"summary": self.summary(), **shown}

    def findings(self) -> tuple[str, ...]:
        """What must be known first, if anything; then the rate, its excess, the curve, its explanations, who it is."""
        return statements.findings(self)

    def metrics(self) -> dict[str, float]:
        verdicts = {
            f"supported_{metric_key(name)}": int(verdict == "supported")
            for name, verdict in zip(self.explanations["name"], self.explanations["verdict"], strict=True)
        }
        return {
            "customers": self.facts.customers,
            "satisfied": self.facts.satisfied,
            "trap_rate": float(self.rate["estimate"]),
            "trap_excess": float(self.rate["excess"]),
            "break_points": len(self.break_points),
            **verdicts,
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curve with its bands, its breaks with their intervals, the flat zone and the threshold."""
        return pictures.curve(self, ax)

    def plot_competition(self, ax: Axes | None = None) -> Axes:
        """Draw the curve at each level of competition."""
        return pictures.competition(self, ax)

    def plot_types(self, ax: Axes | None = None) -> Axes:
        """Draw the four types as areas: satisfaction across, loyalty upwards."""
        return pictures.types(self, ax)

    def plot_scatter(self, ax: Axes | None = None) -> Axes:
        """Draw customers as points in the colour of their type: satisfaction across, behaviour upwards."""
        return pictures.scatter(self, ax)

    def plot_explanations(self, ax: Axes | None = None) -> Axes:
        """Draw what each explanation contributes, with its interval and its verdict."""
        return pictures.explanations(self, ax)

    def plot_groups(self, ax: Axes | None = None) -> Axes:
        """Draw the trap rate of each group with its interval."""
        return pictures.groups(self, ax)


def detect(
    satisfaction: pd.Series,
    behaviour: pd.Series,
    *,
    attitude: pd.Series | None = None,
    competition: pd.Series | None = None,
    basic: pd.Series | None = None,
    latent: pd.Series | None = None,
    switching_cost: pd.Series | None = None,
    reliability: float | None = None,
    groups: pd.Series | pd.DataFrame | None = None,
    value: pd.Series | None = None,
    weights: pd.Series | None = None,
    satisfied_from: float = 70.0,
    loyal_from: float | None = None,
    attitude_from: float | None = None,
    most_breaks: int = 2,
    satisfaction_time: Any = None,
    behaviour_from: Any = None,
    currency: str = "",
    resamples: int = 1000,
    seed: int = 0,
) -> TrapResult:
    """Look for the satisfaction trap: satisfied customers who are not loyal.

    Parameters
    ----------
    satisfaction : Series
        0-100, indexed by customer_id. What other Series know of other customers is left out.
    behaviour : Series
        What was done after: 0 or 1 (bought again), or a number from 0 to 1 (share of wallet).
    attitude : Series, optional
        What customers mean to do, more is better. Where given, loyal is who has both attitude and behaviour.
    competition : Series, optional
        Of each customer's market: numbers (more is fiercer), or names of levels.
    basic, latent : Series, optional
        Satisfaction with what must be there and with what nobody expects (from Kano's must-be and attractive features).
    switching_cost : Series, optional
        How hard it is to leave, in any unit.
    reliability : float, optional
        Of satisfaction, 0-1, such as Cronbach's alpha: curve and rate are then also given without its error.
    groups : Series or DataFrame, optional
        Segment, region, wave: rates are given by each, and breaks where a group is large enough.
    value : Series, optional
        What each customer is worth.
    weights : Series, optional
        Survey weights, positive; only their ratios matter. Customers without one are left out.
    satisfied_from : float
        Who reaches it is satisfied.
    loyal_from, attitude_from : float, optional
        Who reaches them is loyal; by default 1 for behaviour of 0 and 1, otherwise the median of these customers. They
        are then taken as given: intervals hold for this cut.
    most_breaks : int
        0, 1 or 2.
    satisfaction_time, behaviour_from : date or Series of dates, optional
        When satisfaction was asked and from when on behaviour counts; the order is checked.
    currency : str
        Of `value`.
    resamples : int
        Bootstrap resamples, at least 100.
    seed : int
        For these.

    Returns
    -------
    TrapResult
        Where there are too few customers, one level of satisfaction only, or nobody or everybody is loyal, one that
        says so and holds what can be known.

    Raises
    ------
    UsageError
        If something is no Series, not numeric, outside its range or on a shorter scale, or has a customer twice; if an
        option is.

    Notes
    -----
    Rate: share of the satisfied who are not loyal, with Wilson's interval. Excess: rate less the share that a straight
    line through the same customers with the same spread about it would give, see `curves.excess`; under a straight line
    it is zero. Curve: local linear and isotonic regression, and a continuous line with up to two breaks, see
    `curves.breaks`. Error in satisfaction bends curves towards lines: with a reliability r its variance is 1 - r of the
    observed one, and `curves.simulated_error` extrapolates to none. Explanations compete in one regression, see
    `curves.design` and `curves.explanations`. Intervals of breaks are those of `curves.breaks` and take their number as
    known (where one of two breaks is found, an interval holds one place only); the others, but Wilson's, are 95 %
    percentiles of bootstrap resamples of customers; more than 5,000 customers are drawn as 5,000 random groups.
    benchmarks/README.md has the measured coverage.

    With weights all shares, curves and regressions are weighted, and a customer's weight goes with him into every
    resample; Wilson's intervals are at the effective number (sum w)^2 / sum w^2 (Kish 1965), tests robust to the
    weights. Counts stay those of customers, and so do the places of knots and bins.

    References
    ----------
    Jones, T. O. and Sasser, W. E. (1995). Why satisfied customers defect. Harvard Business Review 73(6), 88-99.
    Dick, A. S. and Basu, K. (1994). Customer loyalty: toward an integrated conceptual framework. Journal of the Academy
    of Marketing Science 22, 99-113.
    Kish, L. (1965). Survey Sampling. Wiley, section 11.7.
    """
    options.whole(resamples, "resamples", caller="trap", least=100)
    options.whole(seed, "seed", caller="trap")
    options.within(satisfied_from, "satisfied_from", caller="trap", high=100, above=False)
    if isinstance(most_breaks, bool) or most_breaks not in (0, 1, 2):
        raise UsageError(f"trap: most_breaks must be 0, 1 or 2, not {most_breaks!r}.")
    for name, chosen in (("reliability", reliability), ("loyal_from", loyal_from)):
        if chosen is not None:
            options.within(chosen, name, caller="trap", high=1)
    if attitude_from is not None:
        options.within(attitude_from, "attitude_from", caller="trap", low=-math.inf, high=math.inf)
        if attitude is None:
            raise UsageError("trap: attitude_from cuts an attitude, but none is given; give attitude too.")
    settings = detection.Settings(
        satisfied_from=satisfied_from,
        loyal_from=loyal_from,
        attitude_from=attitude_from,
        reliability=reliability,
        most_breaks=most_breaks,
        times=(satisfaction_time, behaviour_from),
        currency=currency,
        resamples=resamples,
        seed=seed,
    )
    numbers = {"attitude": attitude, "basic": basic, "latent": latent, "switching_cost": switching_cost, "value": value}
    numbers["weight"] = weights
    return TrapResult(**detection.run(satisfaction, behaviour, numbers, competition, groups, settings))


def remedies(found: TrapResult, *, value_points: float = 10.0, switching_points: float = 1.0) -> RemedyResult:
    """Set two ways out of the trap side by side, as scenarios: more delivered value, higher switching cost.

    Parameters
    ----------
    found : TrapResult
        From `detect`.
    value_points : float
        By how many points better delivered value raises everybody's satisfaction, at most to 100.
    switching_points : float
        By how many of its own units switching cost rises, where `detect` was given it.

    Returns
    -------
    RemedyResult

    Raises
    ------
    UsageError
        If the points are not positive.
    """
    if not isinstance(found, TrapResult):
        raise UsageError(f"trap: remedies takes what trap.detect returned, not {type(found).__name__}.")
    for name, points in (("value_points", value_points), ("switching_points", switching_points)):
        options.within(points, name, caller="trap", high=math.inf)
    return compare(found.evidence, value_points=value_points, switching_points=switching_points)
