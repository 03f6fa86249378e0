"""What is in an order: lines, categories that go together, prices, discounts, and what comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.study.simulate.orders import Orders
from crm_analysis.study.simulate.setting import Setting, opening_seconds, text_times

# category, share of first lines, typical unit price (CNY), share of the price that is margin
CATEGORIES = pd.DataFrame(
    [
        ("fiction", 0.20, 42.0, 0.34),
        ("children", 0.15, 36.0, 0.38),
        ("school", 0.14, 48.0, 0.22),
        ("language", 0.08, 56.0, 0.30),
        ("science", 0.08, 68.0, 0.28),
        ("computing", 0.08, 79.0, 0.26),
        ("history", 0.09, 58.0, 0.33),
        ("art", 0.05, 98.0, 0.36),
        ("travel", 0.06, 49.0, 0.32),
        ("stationery", 0.07, 22.0, 0.48),
    ],
    columns=["category", "share", "price", "margin"],
)
# pairs bought together this many times as readily as their shares alone would have it
ASSOCIATIONS = {
    ("children", "school"): 9.0,
    ("science", "computing"): 10.0,
    ("language", "travel"): 9.0,
    ("history", "art"): 8.0,
    ("school", "stationery"): 7.0,
    ("fiction", "computing"): 0.2,
}
_SCHOOL_MONTHS = {2: 1.4, 8: 2.0, 9: 2.2}
LINE_SHARES = (0.50, 0.28, 0.14, 0.08)
TASTE = 6.0  # concentration of individual tastes; small: everyone has one favourite
SPEND_SPREAD = 0.40  # standard deviation of the log price level between customers
SPEND_FREQUENCY_CORRELATION = 0.15
PRICE_SPREAD = 0.38
DISCOUNTED_SHARE = 0.24
APP_DISCOUNTED_SHARE = 0.34
_DISCOUNTS = (0.10, 0.15, 0.20, 0.30)
RETURN_LOG_ODDS = -3.3  # per line, at quality 0
RETURN_QUALITY_EFFECT = -0.5
_RETURN_DAYS = (3, 25)


def lines(
    people: pd.DataFrame, orders: Orders, rate: np.ndarray, quality: np.ndarray, setting: Setting
) -> tuple[pd.DataFrame, tuple[np.ndarray, np.ndarray]]:
    """The raw transactions table, and who returned something on which day."""
    draws = setting.generator("baskets")
    order, category = _fill(people, orders, draws, setting)
    person = orders.person[order]
    log_rate = (np.log(rate) - np.log(rate).mean()) / np.log(rate).std()
    own = np.sqrt(1 - SPEND_FREQUENCY_CORRELATION**2) * draws.normal(size=len(people))
    level = np.exp(SPEND_SPREAD * (SPEND_FREQUENCY_CORRELATION * log_rate + own))

    price = CATEGORIES["price"].to_numpy()[category] * level[person]
    price = np.maximum(np.round(price * np.exp(PRICE_SPREAD * draws.normal(size=len(order))), 1), 3.0)
    quantity = np.minimum(draws.geometric(np.where(category == 9, 0.55, 0.86)), 30)
    app = (people["channel"] == "app").to_numpy()[person]
    reduced = draws.random(len(order)) < np.where(app, APP_DISCOUNTED_SHARE, DISCOUNTED_SHARE)
    discount = np.round(np.where(reduced, draws.choice(_DISCOUNTS, size=len(order)) * price * quantity, 0.0), 2)
    margin = np.clip(CATEGORIES["margin"].to_numpy()[category] + 0.05 * draws.normal(size=len(order)), 0.05, 0.7)
    seconds = opening_seconds(draws, len(orders.person))
    back = draws.random(len(order)) < 1 / (1 + np.exp(-RETURN_LOG_ODDS - RETURN_QUALITY_EFFECT * quality[order]))
    back_day = orders.day[order] + draws.integers(*_RETURN_DAYS, size=len(order))
    back_seconds = opening_seconds(draws, len(order))

    # Numbered in order of time, as a till does: the day is sorted already, the second is not.
    numbers = np.empty(len(orders.person), dtype=int)
    numbers[np.lexsort((orders.person, np.floor(seconds), orders.day))] = np.arange(1, len(orders.person) + 1)
    bought = pd.DataFrame(
        {
            "order_id": numbers[order],
            "day": orders.day[order],
            "seconds": seconds[order],
            "person": person,
            "category": CATEGORIES["category"].to_numpy()[category],
            "quantity": quantity,
            "unit_price": price,
            "discount": discount,
            "unit_cost": np.round(price * (1 - margin), 2),
        }
    )
    kept = back & (back_day < setting.days)
    returned = bought.assign(day=back_day, seconds=back_seconds)[kept]
    returned = returned.assign(quantity=-returned["quantity"], discount=0.0 - returned["discount"])
    both = pd.concat([bought, returned], ignore_index=True)
    both["time"] = text_times(setting.dates(both["day"].to_numpy()), both["seconds"].to_numpy())
    both["discount"] = both["discount"] + 0.0  # no negative zero in the file
    both = both.sort_values(["time", "order_id", "category"], kind="stable", ignore_index=True)
    both["customer_id"] = people["customer_id"].to_numpy()[both["person"]]
    both["order_id"] = "O" + both["order_id"].astype(str).str.zfill(7)
    columns = ["order_id", "customer_id", "time", "category", "quantity", "unit_price", "discount", "unit_cost"]
    return both[columns], (returned["person"].to_numpy(), returned["day"].to_numpy())


def truth(transactions: pd.DataFrame) -> dict[str, Any]:
    """What baskets are made of."""
    return {
        "association_meaning": "weight of the second category in the other lines of an order whose first line is the "
        "first category (and the other way round), against its weight elsewhere; 1: no association. An order holds "
        "each category once, so that the lift of pairs without association is below 1",
        "associations": [{"pair": list(pair), "weight": weight} for pair, weight in ASSOCIATIONS.items()],
        "categories": CATEGORIES.to_dict("records"),
        "school_season": {str(month): factor for month, factor in _SCHOOL_MONTHS.items()},
        "shares_of_1_to_4_lines": list(LINE_SHARES),
        "log_price_level_standard_deviation": SPEND_SPREAD,
        "correlation_of_log_price_level_and_log_rate": SPEND_FREQUENCY_CORRELATION,
        "discounted_share": DISCOUNTED_SHARE,
        "discounted_share_in_app": APP_DISCOUNTED_SHARE,
        "return_log_odds_at_quality_zero": RETURN_LOG_ODDS,
        "return_quality_effect": RETURN_QUALITY_EFFECT,
        "lines": int((transactions["quantity"] > 0).sum()),
        "return_lines": int((transactions["quantity"] < 0).sum()),
    }


def _fill(
    people: pd.DataFrame, orders: Orders, draws: np.random.Generator, setting: Setting
) -> tuple[np.ndarray, np.ndarray]:
    """Categories of each order's lines, all different: (order, category) for every line."""
    names = CATEGORIES["category"].tolist()
    shares = CATEGORIES["share"].to_numpy()
    count = len(orders.person)
    together = np.zeros((len(names), len(names)))
    for (one, other), weight in ASSOCIATIONS.items():
        i, j = names.index(one), names.index(other)
        together[i, j] = together[j, i] = np.log(weight)
    np.fill_diagonal(together, -np.inf)
    taste = np.log(draws.gamma(TASTE * shares, size=(len(people), len(names))) + 1e-9)
    liking = taste[orders.person]
    by_month = np.array([_SCHOOL_MONTHS.get(month, 1.0) for month in range(1, 13)])
    liking[:, names.index("school")] += np.log(by_month[setting.months_of_year(orders.day) - 1])
    first = np.argmax(liking + draws.gumbel(size=liking.shape), axis=1)
    # The largest of log weights with Gumbel noise are a draw without replacement in proportion to the weights.
    others = np.argsort(-(liking + together[first] + draws.gumbel(size=liking.shape)), axis=1)[:, :3]
    chosen = np.column_stack([first, others])
    size = 1 + draws.choice(4, size=count, p=LINE_SHARES)
    filled = np.arange(4) < size[:, None]
    return np.repeat(np.arange(count), size), chosen[filled]
