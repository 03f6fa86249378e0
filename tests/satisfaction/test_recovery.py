"""Estimates beside the truth of a simulated study."""

import json

import numpy as np
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


def test_of_one_interval_no_share_is_told():
    one, other = (
        recovery.compare(ESTIMATES.take([row]), TRUE, on="feature", quantities=["gap"]).findings() for row in (0, 1)
    )
    assert one[-1] == "The interval holds the true value."
    assert other[0] == "The interval does not hold the true value."


def test_truth_is_read_by_its_place(tmp_path):
    assert recovery.truth(tmp_path, "kano", on="feature").empty
    saved = {"kano": {"features": {"a": {"gap": 1.2}}, "note": "x"}, "acsi": {"paths": [{"source": "q", "path": 0.5}]}}
    (tmp_path / "truth.json").write_text(json.dumps(saved), "utf-8")
    assert recovery.truth(tmp_path, "kano", "features", on="feature").to_dict("records") == [
        {"feature": "a", "gap": 1.2}
    ]
    assert recovery.truth(tmp_path, "acsi", "paths", on="source").to_dict("records") == [{"source": "q", "path": 0.5}]
    assert recovery.truth(tmp_path, "acsi", "paths", "deeper", on="source").empty
    (tmp_path / "truth.json").write_text(json.dumps({"acsi": {"r2": {"value": 0.4, "loyalty": 0.5}}}), "utf-8")
    assert recovery.truth(tmp_path, "acsi", "r2", on="construct").to_dict("records") == [
        {"construct": "value", "r2": 0.4},
        {"construct": "loyalty", "r2": 0.5},
    ]
    assert recovery.truth(tmp_path, "nowhere", on="source").empty


def test_where_no_truth_is_known_it_says_so(keeps_result_contract):
    result = recovery.compare(ESTIMATES, recovery.truth("nowhere", on="feature"), on="feature", quantities=["gap"])
    assert result.findings() == ("The truth of this study is not known; only a simulated one has it.",)
    keeps_result_contract(result, pictures=("plot",))


def test_the_truth_of_several_waves_is_their_mean(tmp_path):
    waves = {"one": [{"source": "a", "path": 0.4}], "two": [{"source": "a", "path": 0.6}]}
    (tmp_path / "truth.json").write_text(json.dumps({"paths": waves, "note": "x"}), "utf-8")
    true = recovery.truth(tmp_path, "paths", on="wave")
    assert true.to_dict("records") == [
        {"wave": "one", "source": "a", "path": 0.4},
        {"wave": "two", "source": "a", "path": 0.6},
    ]
    estimates = pd.DataFrame({"source": ["a"], "path": [0.52], "path_low": [0.45], "path_high": [0.55]})
    result = recovery.compare(estimates, true, on="source", quantities=["path"])
    assert result.estimates["true"].tolist() == [0.5]


def test_several_estimates_of_the_same_truth():
    paths = pd.DataFrame({"source": ["q", "q"], "target": ["v", "s"], "pls": [0.4, 0.2], "sem": [0.5, np.nan]})
    paths = paths.assign(pls_low=[0.3, 0.1], pls_high=[0.45, 0.4], sem_low=[0.45, np.nan], sem_high=[0.6, np.nan])
    true = pd.DataFrame({"source": ["q", "q"], "target": ["v", "s"], "path": [0.5, 0.25]})
    result = recovery.compare(
        paths, true, on=["source", "target"], quantities={"pls": "path", "sem": "path"}, labels={"sem": "CB-SEM"}
    )
    assert result.estimates["name"].tolist() == ["q to v", "q to s", "q to v"]
    assert result.estimates["true"].tolist() == [0.5, 0.25, 0.5]
    beside = result.frames()["beside"]
    assert beside.columns.tolist()[:4] == ["name", "true", "pls", "pls_low"]
    assert beside["CB-SEM"].tolist()[0] == 0.5
    assert len(beside) == 2
    assert result.findings() == (
        "Pls holds 1 of 2 and is 80 % as large as the truth; CB-SEM holds 1 of 1 and is 100 % as large as the truth.",
        "2 of 3 intervals hold the true value (66.7 %, 95 % interval 20.8–93.9).",
        "Furthest off is pls of q to v: 0.40 (95 % interval 0.30 to 0.45), truly 0.50.",
    )


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


def test_a_table_of_several_estimates_keeps_the_contract(keeps_result_contract):
    paths = pd.DataFrame({"name": ["a", "b"], "one": [0.4, 0.2], "two": [0.5, 0.3]})
    ends = {
        f"{name}_{end}": paths[name] + step for name in ("one", "two") for end, step in (("low", -0.1), ("high", 0.1))
    }
    true = pd.DataFrame({"name": ["a", "b"], "path": [0.45, 0.3]})
    result = recovery.compare(paths.assign(**ends), true, on="name", quantities={"one": "path", "two": "path"})
    keeps_result_contract(result, pictures=("plot",))


@pytest.mark.parametrize("rows", [1, 3])
def test_RecoveryResult_keeps_the_contract(rows, keeps_result_contract):
    result = recovery.compare(ESTIMATES[:rows], TRUE, on="feature", quantities=["gap"], classes=("letter", "class"))
    keeps_result_contract(result, pictures=("plot",))
    same = recovery.compare(
        ESTIMATES[:rows], TRUE.rename(columns={"class": "letter"}), on="feature", classes=("letter",) * 2
    )
    assert same.classes["right"].sum() == (1 if rows == 1 else 2)


def test_estimates_that_no_truth_is_kept_of():
    levels = pd.DataFrame({"wave": ["wave_north", "wave_south"], "index": [70.0, 71.0]})
    true = pd.DataFrame({"wave": ["wave_1", "wave_2"], "respondents": [70.0, 72.0]})
    levels = levels.assign(index_low=60.0, index_high=80.0)
    result = recovery.compare(levels, true, on="wave", quantities={"index": "respondents"})
    assert result.findings() == ("No truth is kept for wave_north and wave_south; it is kept for wave_1 and wave_2.",)


def test_without_a_key_the_parts_of_the_file_are_the_rows(tmp_path):
    (tmp_path / "truth.json").write_text('{"version": 1, "campaigns": {"uplift": 0.05, "meaning": "words"}}')
    found = recovery.truth(tmp_path, on="part").set_index("part")
    assert found.loc["campaigns", "uplift"] == 0.05
    assert found.loc["version", "value"] == 1
