"""Kano and the satisfaction model side by side."""

import pandas as pd
import pytest

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction import perspectives

FEATURES = pd.DataFrame(
    {
        "feature": ["parcel_whole", "fast_delivery", "gift", "sms"],
        "letter": ["M", "O", "A", "R"],
        "better": [0.15, 0.7, 0.75, 0.4],
        "worse": [-0.8, -0.7, -0.2, -0.45],
    }
)
DRIVERS = pd.DataFrame(
    {
        "driver": ["value", "quality", "image"],
        "effect": [0.3, 0.6, 0.1],
        "effect_low": [0.2, 0.5, 0.0],
        "effect_high": [0.4, 0.7, 0.2],
        "performance": [55.0, 75.0, 70.0],
    }
)
LINKS = {"parcel_whole": "value", "fast_delivery": "value", "gift": "quality"}


def test_findings_in_whole():
    assert perspectives.compare(FEATURES, DRIVERS, links=LINKS).findings() == (
        "Only the model says how much a driver moves satisfaction and how well the firm does: quality moves it most, "
        "with an effect of 0.60 (95 % interval 0.50 to 0.70), and stands at 75.0. Kano asks for neither.",
        "Only Kano says what a single effect hides: 3 features of 4 are not one-dimensional. The most lopsided is "
        "parcel whole: its absence displeases 80.0 % and its presence pleases 15.0 %.",
        "The features of quality, of these drivers the one with the largest effect, are attractive: gift.",
        "Both together put first parcel whole: must-be, and of a driver that stands low.",
        "Both together say to raise fast delivery: every step counts, and the driver stands low.",
        "Both together say to stand out with gift: attractive, and of a driver that stands well.",
        "Value has the smallest effect, 0.30 (95 % interval 0.20 to 0.40), but holds must-be features (parcel whole): "
        "where nearly everyone gets them they do not vary, and a model cannot see what their absence would cost.",
        "Only Kano speaks of sms; only the model speaks of image.",
        "Neither shows what a change would bring: Kano's answers are about imagined cases, the model's effects are "
        "associations. Try a change on a part of the customers, with a control group.",
    )


def test_frames_join_both_sides():
    result = perspectives.compare(FEATURES, DRIVERS, links=LINKS)
    assert result.drivers["driver"].tolist() == ["quality", "value", "image"]
    assert result.drivers["must_be_features"].tolist() == [0, 1, 0]
    assert result.features["driver"].tolist() == ["value", "value", "quality", ""]
    assert result.features["advice"].tolist() == [
        "repair first: its absence displeases, and its driver stands low",
        "raise it: every step counts, and there is room",
        "add it to stand out: the basics stand well",
        "",
    ]


def test_the_table_of_an_importance_performance_map_will_do():
    names = {"driver": "construct"} | {f"effect{end}": f"importance{end}" for end in ("", "_low", "_high")}
    renamed = perspectives.compare(FEATURES, DRIVERS.rename(columns=names), links=LINKS)
    assert renamed.findings() == perspectives.compare(FEATURES, DRIVERS, links=LINKS).findings()


def test_without_links_or_performance_each_side_still_speaks():
    result = perspectives.compare(FEATURES, DRIVERS[["driver", "effect"]])
    assert len(result.findings()) == 3
    assert result.findings()[0] == (
        "Only the model says how much a driver moves satisfaction and how well the firm does: quality moves it most, "
        "with an effect of 0.60. Kano asks for neither."
    )


def test_links_to_what_is_not_there_are_left_out_and_told():
    result = perspectives.compare(FEATURES, DRIVERS, links=LINKS | {"gifts": "value", "sms": "price"})
    assert result.findings()[-2] == "Links of gifts and sms are left out: the feature or the driver is not there."
    assert result.findings()[:-2] == perspectives.compare(FEATURES, DRIVERS, links=LINKS).findings()[:-1]


def test_one_dimensional_features_only():
    result = perspectives.compare(FEATURES[1:2], DRIVERS)
    assert result.findings()[1] == (
        "All features are one-dimensional: here one effect a driver hides nothing, and Kano adds little."
    )


@pytest.mark.parametrize(
    ("features", "drivers", "why"),
    [
        (
            FEATURES[:0],
            DRIVERS,
            "There are no Kano categories in this study, so nothing to set beside the satisfaction model.",
        ),
        (
            FEATURES,
            pd.DataFrame(),
            "There are no effects on satisfaction in this study, so nothing to set beside the Kano categories.",
        ),
        (
            pd.DataFrame(),
            pd.DataFrame(),
            "There are no Kano categories in this study, so nothing to set beside the satisfaction model.",
        ),
    ],
)
def test_a_missing_side_is_said(features, drivers, why, keeps_result_contract):
    result = perspectives.compare(features, drivers, links=LINKS)
    assert result.findings() == (why,)
    keeps_result_contract(result, pictures=("plot",))


@pytest.mark.parametrize(
    ("features", "drivers", "links", "message"),
    [
        (
            FEATURES.drop(columns="worse"),
            DRIVERS,
            {},
            "perspectives: features lacks the column 'worse'; it needs feature, letter, better, worse.",
        ),
        (
            FEATURES,
            DRIVERS.drop(columns="effect"),
            {},
            "perspectives: drivers lacks the column 'effect'; it needs driver, effect.",
        ),
        (
            FEATURES.assign(letter="X"),
            DRIVERS,
            {},
            "perspectives: 'X' is no Kano category; use M, O, A, I, R, Q.",
        ),
    ],
)
def test_wrong_calls_are_refused(features, drivers, links, message):
    with pytest.raises(UsageError) as raised:
        perspectives.compare(features, drivers, links=links)
    assert str(raised.value) == message


@pytest.mark.parametrize("links", [{}, LINKS, dict.fromkeys(FEATURES["feature"], "value")])
def test_PerspectivesResult_keeps_the_contract(links, keeps_result_contract):
    keeps_result_contract(perspectives.compare(FEATURES, DRIVERS, links=links), pictures=("plot",))
    long = FEATURES.assign(feature=[f"a feature with a very long name indeed, number {n}" for n in range(4)])
    keeps_result_contract(perspectives.compare(long, DRIVERS), pictures=("plot",))
