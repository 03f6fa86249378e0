"""The questionnaire: which items there are, what each measures, how well, and how people tend to answer it."""

from __future__ import annotations

from typing import Any

from crm_analysis.study.simulate.items import ELEVEN, PERCENT, Item

SATISFACTION = (
    Item("satisfaction_overall", "satisfaction", 0.90, 7.3),
    Item("satisfaction_confirmation", "satisfaction", 0.82, 7.0),
    Item("satisfaction_ideal", "satisfaction", 0.82, 6.8),
)
ACSI = (
    Item("expectations_overall", "expectations", 0.82, 7.5, concentration=7),
    Item("expectations_customisation", "expectations", 0.76, 7.2, concentration=7),
    Item("expectations_reliability", "expectations", 0.70, 7.3, concentration=7),
    Item("quality_overall", "quality", 0.86, 7.4),
    Item("quality_customisation", "quality", 0.80, 7.1),
    Item("quality_reliability", "quality", 0.76, 7.2),
    Item("value_price_given_quality", "value", 0.86, 6.8),
    Item("value_quality_given_price", "value", 0.84, 7.0),
    *SATISFACTION,
    Item("complained", "complaints", 0.80, 0.18, codes=(0, 1), shares=(0.82, 0.18)),
    Item("repurchase_likelihood", "loyalty", 0.85, 7.2, concentration=4),
    Item("price_tolerance", "loyalty", 0.66, 14.0, codes=PERCENT, concentration=8),
)
ATTITUDES = (
    Item("image_reputation", "image", 0.84, 7.3),
    Item("image_expertise", "image", 0.78, 7.4),
    Item("image_responsibility", "image", 0.72, 6.9),
    Item("recommendation", "loyalty", 0.80, 7.4, codes=ELEVEN, concentration=3.5),
    Item("trust_honesty", "trust", 0.82, 7.2),
    Item("trust_promises", "trust", 0.80, 7.1),
    Item("habit_routine", "habit", 0.80, 5.6, concentration=3),
    Item("habit_without_thinking", "habit", 0.76, 5.2, concentration=3),
    Item("switching_cost_effort", "switching_cost", 0.80, 5.0, concentration=3.5),
    Item("switching_cost_loss", "switching_cost", 0.76, 4.7, concentration=3.5),
    Item("switching_cost_learning", "switching_cost", 0.70, 4.4, concentration=3.5),
    Item("alternatives", "competition", 0.75, 5.8, concentration=3.5),
    Item("share_of_wallet", "behavioural_loyalty", 0.75, 48.0, codes=PERCENT, concentration=3),
    Item("basic_order_correct", "basic_satisfaction", 0.82, 7.8),
    Item("basic_delivery_on_time", "basic_satisfaction", 0.80, 7.6),
    Item("delight_surprise", "latent_satisfaction", 0.82, 6.2),
    Item("delight_discovery", "latent_satisfaction", 0.80, 6.4),
)

# dimension: mean expected, mean perceived (1-10), loading of its perceptions on perceived quality
SERVQUAL_DIMENSIONS = {
    "reliability": (8.8, 7.3, 0.70),
    "assurance": (8.2, 7.6, 0.60),
    "tangibles": (7.4, 7.8, 0.40),
    "empathy": (8.0, 6.9, 0.60),
    "responsiveness": (8.5, 6.8, 0.65),
}
SERVQUAL_LOADING = 0.80

# part of delivered value: mean for us, mean for the rival, loading on perceived value (costs: high = a burden)
DELIVERED_PARTS = {
    "product_value": (7.4, 7.1, 0.65),
    "personnel_value": (7.3, 6.6, 0.50),
    "image_value": (7.0, 7.2, 0.50),
    "service_value": (7.1, 6.8, 0.60),
    "money_cost": (5.4, 4.9, -0.60),
    "mental_cost": (3.8, 4.3, -0.40),
    "time_cost": (4.3, 4.0, -0.45),
    "physical_cost": (3.2, 3.4, -0.30),
}
RIVAL_COMPETITION_LOADING = 0.30  # where competition is strong, the main rival is a good one

SERVQUAL = tuple(
    Item(f"servqual_{dimension}_{number}_{side}", f"{dimension}_{side}", SERVQUAL_LOADING, mean + step, concentration=7)
    for dimension, (expected, perceived, _) in SERVQUAL_DIMENSIONS.items()
    for side, mean in (("expected", expected), ("perceived", perceived))
    for number, step in ((1, 0.1), (2, -0.1))
)
DELIVERED = tuple(
    Item(f"own_{part}", "value", loading, own) for part, (own, _, loading) in DELIVERED_PARTS.items()
) + tuple(
    Item(f"rival_{part}", "competition", RIVAL_COMPETITION_LOADING * (1 if loading > 0 else -1), rival)
    for part, (_, rival, loading) in DELIVERED_PARTS.items()
)
ALL = (*ACSI, *ATTITUDES, *SERVQUAL, *DELIVERED)

# What study.toml says: the survey's scale, its "don't know" codes, and the codes of items off the scale or of no
# construct of the model.
SCALE = (1, 10)
DONT_KNOW = (98, 99)
CODES = {
    item.name: (item.codes[0], item.codes[-1])
    for item in ALL
    if item not in ACSI or (item.codes[0], item.codes[-1]) != SCALE
}


def constructs() -> dict[str, list[str]]:
    """The items of each ACSI construct."""
    found: dict[str, list[str]] = {}
    for item in ACSI:
        found.setdefault(item.measures, []).append(item.name)
    return found


def truth() -> list[dict[str, Any]]:
    """Loadings, cut points and expected means of all items."""
    return [
        {
            "item": item.name,
            "measures": item.measures,
            "loading_of_tendency": item.loading,
            "loading_of_code": item.observed_loading,
            "mean": item.expected_mean,
            "codes": [int(item.codes[0]), int(item.codes[-1])],
            "cut_points": item.cut_points.tolist(),
        }
        for item in ALL
    ]
