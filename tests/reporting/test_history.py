"""The history comes back as it was written, in the order of the runs."""

import pytest

from crm_analysis.errors import UsageError
from crm_analysis.reporting import history


def entry(run_id, **seconds):
    return {"run_id": run_id, "started": "", "seconds": 1.0, "metrics": {"20_a/rfm.customers": 5}, "notebooks": seconds}


def test_oldest_first_and_unchanged(tmp_path):
    written = [entry("20250201T000000Z", b=2.0), entry("20250101T000000Z", a=1.0, b=3.0)]
    for one in written:
        history.save(tmp_path / "history", one["run_id"], one)
    assert history.load(tmp_path / "history") == written[::-1]
    assert sorted(path.name for path in (tmp_path / "history").iterdir()) == [
        "20250101T000000Z.json",
        "20250201T000000Z.json",
    ]


def test_no_history_is_an_empty_one(tmp_path):
    assert history.load(tmp_path / "history") == []


def test_durations_are_those_of_the_last_run_of_each_notebook():
    assert history.durations([entry("1", a=1.0, b=3.0), entry("2", b=2.0)]) == {"a": 1.0, "b": 2.0}


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "20250101T000000Z.json").write_text('{"run_id":')
    with pytest.raises(UsageError) as caught:
        history.load(tmp_path)
    assert str(caught.value) == (
        f"the history file {tmp_path / '20250101T000000Z.json'} is damaged; move it away and run again."
    )


def test_a_number_that_is_no_json_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        history.save(tmp_path, "20250101T000000Z", {"seconds": float("nan")})
    assert history.load(tmp_path) == []
