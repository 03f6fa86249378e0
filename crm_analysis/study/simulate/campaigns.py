"""Campaigns with a randomised control group, and the four kinds of people they meet: the true uplift."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.study.simulate.leaving import Events
from crm_analysis.study.simulate.orders import Orders
from crm_analysis.study.simulate.setting import Setting, text_dates

# kind: factor on the order rate while a campaign lasts, factor on the hazard of leaving afterwards
GROUPS = {"persuadable": (3.0, 0.60), "sure thing": (1.0, 1.0), "lost cause": (1.0, 1.0), "sleeping dog": (0.45, 1.8)}
CAMPAIGNS = {
    "School start": 6.0,
    "Singles' Day": 4.5,
    "Book Day": 8.0,
    "Back to reading": 6.0,
}  # cost of a contact, CNY
CONTACTED_SHARE = 0.60
TREATED_SHARE = 0.60
LEAST_AGE_DAYS = 30
RESPONSE_DAYS = 30
HAZARD_MONTHS = 6


def groups(people: pd.DataFrame, rate: np.ndarray, setting: Setting) -> np.ndarray:
    """Draw which of the four kinds each person is (position in GROUPS); channel, age and rhythm make it likelier."""
    older = (people["age"].to_numpy() - 38) / 12
    busy = (np.log(rate) - np.log(rate).mean()) / np.log(rate).std()
    app = (people["channel"] == "app").to_numpy()
    utility = np.column_stack(
        [0.5 + 0.9 * app - 0.3 * older, 0.3 + 0.8 * busy, 0.1 - 0.8 * busy, -0.5 + 0.6 * older - 0.4 * app]
    )
    return np.argmax(utility + setting.generator("campaigns").gumbel(size=utility.shape), axis=1)


def draw(people: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """Draw who is chosen and, by a fair lottery, who of them is contacted: person, campaign, day, treated."""
    draws = setting.generator("lottery")
    joined = people["joined_day"].to_numpy()
    lots = []
    for number, day in enumerate(setting.campaign_days):
        chosen = draws.random(len(people)) < CONTACTED_SHARE
        treated = draws.random(len(people)) < TREATED_SHARE
        person = np.flatnonzero(chosen & (joined <= day - LEAST_AGE_DAYS))
        lots.append(pd.DataFrame({"person": person, "campaign": number, "day": day, "treated": treated[person]}))
    return pd.concat(lots, ignore_index=True)


def hazard_events(lots: pd.DataFrame, group: np.ndarray) -> Events:
    """What being contacted does to leaving."""
    treated = lots[lots["treated"]]
    person = treated["person"].to_numpy()
    factor = np.array([hazard for _, hazard in GROUPS.values()])[group[person]]
    return Events(person=person, day=treated["day"].to_numpy(float), months=HAZARD_MONTHS, factor=factor)


def edges(setting: Setting) -> list[float]:
    """Days on which a campaign begins or ceases to work."""
    return [float(day + shift) for day in setting.campaign_days for shift in (0, RESPONSE_DAYS)]


def raised(intensity: np.ndarray, lots: pd.DataFrame, group: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Order intensities (people x cells of the calendar) with what being contacted does to them."""
    factors = np.array([rate for rate, _ in GROUPS.values()])[group]
    found = intensity.copy()
    for day, contacted in lots[lots["treated"]].groupby("day")["person"]:
        person = contacted.to_numpy()
        for cell in _cells(day, edges):
            found[person, cell] *= factors[person]
    return found


def expected_uplift(intensity: np.ndarray, lots: pd.DataFrame, group: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Chance of a response if contacted less that if not, for each lot, had the person not left."""
    factors = np.array([rate for rate, _ in GROUPS.values()])[group]
    found = np.zeros(len(lots))
    for day, rows in lots.groupby("day").indices.items():
        person = lots["person"].to_numpy()[rows]
        cells = _cells(day, edges)
        expected = intensity[np.ix_(person, cells)] @ (edges[cells + 1] - edges[cells]) / 365.25
        found[rows] = np.exp(-expected) - np.exp(-expected * factors[person])
    return found


def responses(lots: pd.DataFrame, orders: Orders) -> np.ndarray:
    """Whether each person in a campaign, contacted or not, placed an order in the days after it."""
    responded = np.zeros(len(lots), dtype=bool)
    for day, rows in lots.groupby("day").indices.items():
        during = (orders.day >= day) & (orders.day < day + RESPONSE_DAYS)
        responded[rows] = np.isin(lots["person"].to_numpy()[rows], orders.person[during])
    return responded


def table(people: pd.DataFrame, lots: pd.DataFrame, responded: np.ndarray, setting: Setting) -> pd.DataFrame:
    """The raw campaigns table."""
    number = lots["campaign"].to_numpy()
    cost = np.where(lots["treated"], np.array(list(CAMPAIGNS.values()))[number], 0.0)
    return pd.DataFrame(
        {
            "customer_id": people["customer_id"].to_numpy()[lots["person"]],
            "time": text_dates(setting.dates(lots["day"].to_numpy())),
            "campaign": np.array(list(CAMPAIGNS))[number],
            "arm": np.where(lots["treated"], "treated", "control"),
            "cost": cost,
            "response": responded.astype(int),
        }
    )


def truth(
    lots: pd.DataFrame,
    responded: np.ndarray,
    group: np.ndarray,
    left: np.ndarray,
    expected: np.ndarray,
    setting: Setting,
) -> dict[str, Any]:
    """The effects, the expected uplift they imply for those still customers, and what was realised."""
    found = lots.assign(
        group=np.array(list(GROUPS))[group[lots["person"]]],
        response=responded,
        customer=left[lots["person"]] > lots["day"].to_numpy(),
        uplift=expected,
    )
    by_group: dict[str, Any] = {}
    for name, (rate, hazard) in GROUPS.items():
        inside = found[found["group"] == name]
        by_group[name] = {
            "order_rate_factor": rate,
            "hazard_factor": hazard,
            "share_of_lots": len(inside) / len(found),
            "expected_uplift_of_customers": _mean(inside.loc[inside["customer"], "uplift"]),
            "response_rate_treated": _mean(inside.loc[inside["treated"], "response"]),
            "response_rate_control": _mean(inside.loc[~inside["treated"], "response"]),
        }
    return {
        "meaning": f"response: an order within {RESPONSE_DAYS} days, contacted or not; a contact multiplies the "
        f"order rate for these days and the hazard of leaving for {HAZARD_MONTHS} months of the relation; uplift: "
        "probability of a response if contacted less that if not, had nobody left within these days; who has left "
        "before cannot respond",
        "days": {name: setting.date(day) for name, day in zip(CAMPAIGNS, setting.campaign_days, strict=True)},
        "contact_cost_cny": CAMPAIGNS,
        "treated_share": TREATED_SHARE,
        "by_group": by_group,
        "expected_uplift_of_all_in_campaigns": _mean(found["uplift"].where(found["customer"], 0.0)),
        "still_customers_share": _mean(found["customer"]),
    }


def _mean(values: pd.Series) -> float | None:
    return float(values.mean()) if len(values) else None


def _cells(day: float, edges: np.ndarray) -> np.ndarray:
    return np.flatnonzero((edges[:-1] >= day) & (edges[:-1] < day + RESPONSE_DAYS))
