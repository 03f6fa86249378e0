"""Life cycle: how far a customer's relation has come, and whether it is ending (客户生命周期)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crm_analysis import rhythm
from crm_analysis.errors import DataError, UsageError
from crm_analysis.segmentation import shares
from crm_analysis.segmentation.ladder import LadderResult, ladder
from crm_analysis.segmentation.stages import STAGES, StagesResult
from crm_analysis.table import count, number

__all__ = ["STAGES", "LadderResult", "StagesResult", "ladder", "stages"]

_NEEDED = ("frequency", "recency_days", "tenure_days")
# A trend compares the last year with the one before, so both must lie within the relation.
_TWO_YEARS = 730


def stages(
    customers: pd.DataFrame,
    *,
    late: float = 3.0,
    known: int = 3,
    settled_days: int = 365,
    rise: float = 1 / 3,
    fall: float = 0.5,
    dense: int = 12,
    label: str = "",
    currency: str = "",
) -> StagesResult:
    """Place every customer's relation in one of four stages, from its age, its trend and its silence.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, with ``customer_id``, ``frequency``, ``recency_days`` and ``tenure_days`` (days), as
        `Study.customer360` gives them; ``purchase_days``, ``spend_trend`` and ``monetary`` are used where they are
        there. Customers without a purchase are counted and have no stage.
    late : float
        Decline begins after so many expected gaps without a purchase. Somebody who buys at random times at a well-known
        rate is silent for longer than this by chance after exp(-late) of the purchases, 5 % for 3; with few purchases
        the rate is not well known and it is more often, see `rhythm.Rhythm.silent_share`.
    known : int
        Days with a purchase from which a customer has a rhythm; with fewer the relation is being tried out.
    settled_days : int
        Age from which a relation that does not grow is stable.
    rise, fall : float
        Trend of spend, (last year - year before) / (their sum), from which spend grows, and from which, taken
        negative, it falls: 1/3 is a doubling, 0.5 a fall to a third.
    dense : int
        Days with a purchase from which the trend is used; with fewer it is noise. It also takes a relation of two
        years, since the year before must lie within it.
    label, currency : str
        What to call this view, such as its date, and the currency of spend.

    Returns
    -------
    StagesResult
        Without the columns of purchases, one that says so.

    Raises
    ------
    UsageError
        If there is no ``customer_id``, one appears twice, or a parameter is out of range.
    DataError
        If a customer with a purchase lacks a day, or was last seen before the first purchase.

    Notes
    -----
    The expected gap is the customer's own mean gap shrunk towards that of all by empirical Bayes: see `rhythm.learn`
    for its formula. The stages follow Dwyer et al. (1987) in their simplest form, by behaviour alone; the firm's first
    sight of a customer may be later than the first purchase, where the log begins late.

    References
    ----------
    Dwyer, F. R., Schurr, P. H. and Oh, S. (1987). Developing buyer-seller relationships. Journal of Marketing 51(2),
    11-27.
    """
    _check(customers, late=late, known=known, settled_days=settled_days, rise=rise, fall=fall)
    rules = _rules(late, known, settled_days, rise, fall, dense)
    if any(column not in customers.columns for column in _NEEDED):
        customers = customers.assign(frequency=0, recency_days=np.nan, tenure_days=np.nan)
    bought = customers[customers["frequency"] > 0].reset_index(drop=True)
    _check_days(bought)
    gaps, span = rhythm.gaps_and_span(bought)
    tenure, recency = (bought[name].to_numpy("float64") for name in ("tenure_days", "recency_days"))
    learned = rhythm.learn(gaps, span, tenure) if len(bought) else None
    expected = learned.expected_gap_days(gaps, span) if learned else np.full(0, np.nan)
    overdue = recency / np.maximum(expected, 1)
    trend = (
        bought["spend_trend"].to_numpy("float64") if "spend_trend" in bought.columns else np.full(len(bought), np.nan)
    )
    sure = (tenure >= _TWO_YEARS) & (gaps + 1 >= dense) & np.isfinite(trend)
    # In the order of the rules; where nothing is known (no rhythm, no trend) a comparison is false.
    choices = [
        overdue > late,
        sure & (trend <= -fall),
        gaps + 1 < known,
        (tenure < settled_days) | (sure & (trend >= rise)),
    ]
    placed = np.select(choices, ["decline", "decline", "exploration", "formation"], default="stable")
    table = pd.DataFrame(
        {
            "customer_id": bought["customer_id"],
            "tenure_days": bought["tenure_days"],
            "purchase_days": (gaps + 1).astype("int64"),
            "recency_days": bought["recency_days"],
            "spend_trend": trend,
            "expected_gap_days": expected,
            "overdue_ratio": overdue,
            "stage": pd.Series(placed, index=bought.index, dtype="object"),
        }
    )
    summary = shares.by_group(
        table["stage"], names=list(STAGES), column="stage", sums={"spend": shares.spend_of(bought)}
    )
    summary.insert(1, "in_chinese", list(STAGES.values()))
    medians = table.groupby("stage")[["tenure_days", "overdue_ratio"]].median().reindex(list(STAGES))
    summary[["median_tenure_days", "median_overdue_ratio"]] = medians.to_numpy()
    never = len(customers) - len(bought)
    return StagesResult(table, summary, rules, learned, late, never, int(sure.sum()), settled_days, label, currency)


def _rules(late: float, known: int, settled_days: int, rise: float, fall: float, dense: int) -> pd.DataFrame:
    trend = f"at an age of {_TWO_YEARS} days or more and with {dense} days with a purchase or more"
    return pd.DataFrame(
        [
            ("decline", f"no purchase for more than {number(late)} expected gaps"),
            ("decline", f"spend trend of {-fall:.2g} or less, {trend}"),
            ("exploration", f"fewer than {known} days with a purchase"),
            ("formation", f"younger than {settled_days} days"),
            ("formation", f"spend trend of {rise:.2g} or more, {trend}"),
            ("stable", "all others"),
        ],
        columns=["stage", "rule"],
    )


def _check(customers: pd.DataFrame, *, late: float, known: int, settled_days: int, rise: float, fall: float) -> None:
    if "customer_id" not in customers.columns:
        raise UsageError("lifecycle: the customers have no column 'customer_id'; take them from Study.customer360().")
    twice = customers.loc[customers["customer_id"].duplicated(), "customer_id"]
    if len(twice):
        raise UsageError(f"lifecycle: customer_id {twice.iloc[0]!r} appears twice; give one row per customer.")
    for name, value, sound in (
        ("late", late, late > 0),
        ("known", known, known >= 2),
        ("settled_days", settled_days, settled_days >= 0),
        ("rise", rise, 0 < rise <= 1),
        ("fall", fall, 0 < fall <= 1),
    ):
        if not sound:
            need = {"late": "above 0", "known": "2 or more", "settled_days": "0 or more"}.get(
                name, "above 0, at most 1"
            )
            raise UsageError(f"lifecycle: {name} must be {need}, not {value}.")


def _check_days(bought: pd.DataFrame) -> None:
    for column in ("recency_days", "tenure_days"):
        missing = int((~np.isfinite(bought[column].to_numpy("float64"))).sum())
        if missing:
            raise DataError(
                f"lifecycle: {column} is missing for {count(missing, 'customer')} with a purchase; mend it."
            )
    wrong = bought[(bought["recency_days"] < 0) | (bought["recency_days"] > bought["tenure_days"])]
    if len(wrong):
        first = wrong["customer_id"].iloc[0]
        raise DataError(
            f"lifecycle: the last purchase of {count(len(wrong), 'customer')} lies after the day of the view or before "
            f"the first purchase, the first of them {first!r}; take both days from one view."
        )
