"""Estimates beside the truth of a simulated study."""

import json

import pandas as pd
import pytest

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction import recovery

ESTIMATES = pd.DataFrame(
    {"feature": ["a", "b", "c"], "gap": [1.0, 2.0, 3.0], "gap_low": [0.5, 1.5, 2.5], "gap_high": [1.5, 2.5, 3.5]}
).assign(letter=["M", "O", "A"])
TRUE = pd.DataFrame({"feature": ["a", "b", "c"], "gap": [1.2, 2.9, 3.0], "class": ["M", "A", "A"]})


def test_findings_in_whole():
    result = recovery.compare(ESTIMATES, TRUE, on="feature", quantities=["gap"], classes=("letter", "class"))
    assert result.findings() == (
        "2 of 3 classes are the true ones; b was found O, is A.",
        "2 of 3 intervals hold the true value (66.7 %, 95 % interval 20.8–93.9).",
        "Furthest off is gap of b: 2.00 (95 % interval 1.50 to 2.50), truly 2.90.",
    )
    assert result.metrics() == {"estimates": 3, "held_share": pytest.approx(2 / 3), "classes_right": 2}


def test_truth_is_read_by_its_place(tmp_path):
    assert recovery.truth(tmp_path, "kano", on="feature").empty
    saved = {"kano": {"features": {"a": {"gap": 1.2}}, "note": "x"}, "acsi": {"paths": [{"source": "q", "path": 0.5}]}}
    (tmp_path / "truth.json").write_text(json.dumps(saved), "utf-8")
    assert recovery.truth(tmp_path, "kano", "features", on="feature").to_dict("records") == [
        {"feature": "a", "gap": 1.2}
    ]
    assert recovery.truth(tmp_path, "acsi", "paths", on="source").to_dict("records") == [{"source": "q", "path": 0.5}]
    assert recovery.truth(tmp_path, "acsi", "paths", "deeper", on="source").empty
    assert recovery.truth(tmp_path, "nowhere", on="source").empty


def test_where_no_truth_is_known_it_says_so(keeps_result_contract):
    result = recovery.compare(ESTIMATES, recovery.truth("nowhere", on="feature"), on="feature", quantities=["gap"])
    assert result.findings() == ("The truth of this study is not known; only a simulated one has it.",)
    keeps_result_contract(result, pictures=("plot",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantities": ["size"]}, "recovery: estimates lacks the column 'size'; name columns that both have."),
        ({"classes": ("letter", "kind")}, "recovery: true lacks the column 'kind'; name columns that both have."),
    ],
)
def test_wrong_calls_are_refused(options, message):
    with pytest.raises(UsageError) as raised:
        recovery.compare(ESTIMATES, TRUE, on="feature", **options)
    assert str(raised.value) == message


@pytest.mark.parametrize("rows", [1, 3])
def test_RecoveryResult_keeps_the_contract(rows, keeps_result_contract):
    result = recovery.compare(ESTIMATES[:rows], TRUE, on="feature", quantities=["gap"], classes=("letter", "class"))
    keeps_result_contract(result, pictures=("plot",))
    same = recovery.compare(
        ESTIMATES[:rows], TRUE.rename(columns={"class": "letter"}), on="feature", classes=("letter",) * 2
    )
    assert same.classes["right"].sum() == (1 if rows == 1 else 2)
