"""A watched result has one key whatever its notebook is called; all others say where they come from."""

import json

from crm_analysis.reporting import metrics


def results(folder, **notebooks):
    for notebook, recorded in notebooks.items():
        entries = [{"name": name, "metrics": found, "watched": watched} for name, found, watched in recorded]
        (folder / f"{notebook}.json").write_text(json.dumps({"results": entries}), "utf-8")
    return metrics.collect(folder)


def test_a_watched_result_stands_under_its_bare_name_and_not_twice(tmp_path):
    found = results(
        tmp_path, n60_churn=[("churn", {"roc_auc": 0.8, "brier": None}, True), ("buying", {"roc_auc": 0.7}, False)]
    )
    assert found.values == {"churn.roc_auc": 0.8, "n60_churn/buying.roc_auc": 0.7}
    assert found.contested == ()


def test_the_second_notebook_that_watches_a_name_keeps_its_own_and_it_is_said(tmp_path):
    found = results(tmp_path, n61_late=[("churn", {"brier": 0.2}, True)], n60_churn=[("churn", {"brier": 0.1}, True)])
    assert found.values == {"churn.brier": 0.1, "n61_late/churn.brier": 0.2}
    assert found.contested == (
        "n60_churn and n61_late both watch a result called 'churn': in metrics.json churn is that of n60_churn, the "
        "other is n61_late/churn; give one of them another name.",
    )


def test_a_result_raises_an_alert_by_its_metric_of_that_name_alone(tmp_path):
    found = results(
        tmp_path,
        n10_a=[("b", {"c": 1.0}, False)],
        n60_churn=[
            ("drift", {"alerts": 2}, True),
            ("quiet", {"alerts": 0}, False),
            ("seen", {"alerts_seen": 3, "alerts": None}, False),
        ],
    )
    assert found.alerts == (("n60_churn/drift", 2),)


def test_an_earlier_number_is_found_whether_it_was_watched_then_or_not():
    watched, quiet = {"name": "churn", "watched": True}, {"name": "churn"}
    assert metrics.earlier({"60/churn.brier": 0.1}, "60", watched, "brier") == 0.1
    assert metrics.earlier({"churn.brier": 0.1}, "60", watched, "brier") == 0.1
    # Where both were watched, the bare key was the other notebook's.
    assert metrics.earlier({"churn.brier": 0.1, "61/churn.brier": 0.2}, "61", watched, "brier") == 0.2
    assert metrics.earlier({"churn.brier": 0.1}, "60", quiet, "brier") is None
