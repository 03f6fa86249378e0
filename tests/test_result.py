"""Results speak and are recorded; and every Result class of the package has a test that calls the contract check."""

import importlib
import json
import math
import pkgutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

import crm_analysis
from crm_analysis.errors import UsageError
from crm_analysis.result import RESULTS_FILE, Result, record


@dataclass(frozen=True, eq=False, repr=False)
class BasketResult(Result):
    """A result as plain as it can be."""

    baskets: pd.DataFrame
    numbers: dict = field(default_factory=lambda: {"mean_size": 2.5, "baskets": 2, "unknown": math.nan})
    title = "Baskets"
    shown: ClassVar[dict[str, str]] = {"table": "All baskets"}

    def to_frame(self):
        return self.baskets.copy()

    def findings(self):
        return ("A basket holds 2.5 things on average, the largest '<b>& more</b>'.",)

    def metrics(self):
        return dict(self.numbers)


@pytest.fixture
def baskets():
    return BasketResult(pd.DataFrame({"basket": ["b1", "<script>x</script>"], "things": [2, 3]}))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """What the runner does: it names a file in the environment."""
    target = tmp_path / "run" / "results" / "20_baskets.json"
    monkeypatch.setenv(RESULTS_FILE, str(target))
    return target


def test_a_plain_result_keeps_the_contract(baskets, keeps_result_contract):
    keeps_result_contract(baskets)


def test_every_result_of_the_package_is_called_by_the_contract_check():
    for module in pkgutil.walk_packages(crm_analysis.__path__, "crm_analysis."):
        importlib.import_module(module.name)
    ours = {kind.__name__ for kind in _descendants(Result) if kind.__module__.startswith("crm_analysis.")}
    assert len(ours) >= 6
    # A test of a Result says so in its name: test_<class>_keeps_the_contract.
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.rglob("test_*.py"))
    forgotten = {kind for kind in ours if f"def test_{kind}_keeps_the_contract(" not in tests}
    assert forgotten == set()


def _descendants(kind):
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)


def test_it_prints_its_title_and_its_findings(baskets):
    assert repr(baskets) == "Baskets\n- A basket holds 2.5 things on average, the largest '<b>& more</b>'."


def test_html_is_escaped(baskets):
    assert baskets._repr_html_() == (
        '<div class="crm-result"><p class="crm-title"><strong>Baskets</strong></p>'
        '<ul class="crm-findings"><li>A basket holds 2.5 things on average, the largest '
        "&#x27;&lt;b&gt;&amp; more&lt;/b&gt;&#x27;.</li></ul>"
        '<div class="crm-table"><table class="crm"><caption>All baskets</caption><thead><tr>'
        '<th scope="col">basket</th><th scope="col" class="num">things</th></tr></thead><tbody>'
        '<tr><td>b1</td><td class="num">2</td></tr>'
        '<tr><td>&lt;script&gt;x&lt;/script&gt;</td><td class="num">3</td></tr></tbody></table></div></div>'
    )


def test_without_a_picture_it_says_where_the_numbers_are(baskets):
    with pytest.raises(UsageError) as error:
        baskets.plot()
    assert str(error.value) == "BasketResult has no picture; use to_frame() for its numbers."


def test_outside_a_run_a_result_is_only_displayed(baskets, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(RESULTS_FILE, raising=False)
    monkeypatch.chdir(tmp_path)
    record(baskets, "baskets")
    record(baskets, "baskets")
    assert capsys.readouterr().out == f"{baskets!r}\n{baskets!r}\n"
    assert list(tmp_path.iterdir()) == []


def test_what_repeats_lies_behind_a_fold(baskets, monkeypatch):
    monkeypatch.delenv(RESULTS_FILE, raising=False)
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda what, **how: shown.append((what, how)))
    for unfolded in (None, 0, 1):
        record(baskets, "baskets", unfolded=unfolded)
    (plain, _), (folded, how), (open_, _) = shown
    assert plain is baskets
    assert "<details" not in plain._repr_html_()
    assert how == {"raw": True}
    assert folded["text/plain"] == repr(baskets)
    before, after = open_["text/html"].split('<details class="crm-fold">')
    assert ("<li>" in before, "<li>" in after) == (True, False)
    before, after = folded["text/html"].split('<details class="crm-fold"><summary>')
    assert "<li>" not in before
    assert after.startswith(
        '<strong>The other findings, and tables</strong></summary><ul class="crm-findings"><li>A basket'
    )
    assert after.count("</table>") == 1
    assert after.endswith("</details></div>")


def test_inside_a_run_it_is_saved(baskets, run):
    record(baskets, "baskets")
    named = BasketResult(pd.DataFrame({"things": [1]}, index=pd.Index(["b9"], name="basket")), {"size": np.float64(1)})
    record(named, "second_2", headlines=0, watched=True)
    assert json.loads(run.read_text("utf-8")) == {
        "schema": 1,
        "results": [
            {
                "name": "baskets",
                "title": "Baskets",
                "findings": list(baskets.findings()),
                "metrics": {"mean_size": 2.5, "baskets": 2, "unknown": None},
                "tables": {"table": {"file": "tables/20_baskets.baskets.table.csv", "rows": 2}},
                "headlines": 1,
                "watched": False,
            },
            {
                "name": "second_2",
                "title": "Baskets",
                "findings": list(named.findings()),
                "metrics": {"size": 1.0},
                "tables": {"table": {"file": "tables/20_baskets.second_2.table.csv", "rows": 1}},
                "headlines": 0,
                "watched": True,
            },
        ],
    }
    tables = run.parent.parent / "tables"
    assert {file.name: file.read_text("utf-8") for file in tables.iterdir()} == {
        "20_baskets.baskets.table.csv": "basket,things\nb1,2\n<script>x</script>,3\n",
        "20_baskets.second_2.table.csv": "basket,things\nb9,1\n",
    }
    assert [file.name for file in run.parent.iterdir()] == ["20_baskets.json"]


def test_a_result_of_which_nothing_could_be_said_gives_no_headline(run):
    record(BasketResult(pd.DataFrame({"basket": []}), {}), "baskets", headlines=2)
    record(BasketResult(pd.DataFrame({"basket": ["b1"]}), {}), "others", headlines=2)
    saved = json.loads(run.read_text("utf-8"))["results"]
    assert [(result["name"], result["headlines"]) for result in saved] == [("baskets", 0), ("others", 2)]
    assert saved[0]["findings"]


def test_a_name_is_used_once(baskets, run):
    record(baskets, "baskets")
    saved = run.read_bytes()
    with pytest.raises(UsageError) as error:
        record(baskets, "baskets")
    assert str(error.value) == (
        "record: this notebook has already recorded a result called 'baskets'; give each its own name."
    )
    assert run.read_bytes() == saved


@pytest.mark.parametrize("name", ["Baskets", "my baskets", "1st", "", "a-b", "../x", "a\n"])
def test_names_are_snake_case(baskets, run, name):
    with pytest.raises(UsageError) as error:
        record(baskets, name)
    assert str(error.value) == (
        f"record: {name!r} is no name for a result; use lower-case letters, digits and underscores."
    )
    assert not run.exists()


def test_only_a_result_is_recorded():
    with pytest.raises(UsageError) as error:
        record(pd.DataFrame(), "baskets")
    assert str(error.value) == "record takes a Result as its first argument, not DataFrame."
