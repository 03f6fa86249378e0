"""A run is whole or not there: what it keeps, what it refuses, and that it believes the cells and not the tool."""

import fcntl
import json
import os
import re
from pathlib import Path

import nbformat
import pytest

from crm_analysis.errors import ContractError, UsageError
from crm_analysis.reporting import history, provenance, runner
from crm_analysis.reporting.archive import Archive

# Records a result whose numbers tell about the kernel's own circumstances.
NUMBERS = """
import os
import numpy as np, pandas as pd, psutil
from crm_analysis.result import Result, record

class Numbers(Result):
    title = "Numbers"
    def to_frame(self):
        return pd.DataFrame({"customer_id": ["C1", "a\\nb", "c"], "x": np.random.default_rng(seed).normal(size=3)})
    def findings(self):
        return ("Three rows.",)
    def metrics(self):
        worker = psutil.Process(os.getppid())
        held = [file.path for file in worker.open_files() if file.path.endswith(".lock")]
        blas = {os.environ[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        return {
            "mean": self.to_frame().x.mean(),
            "locks_inherited": len(held),
            "blas_threads": int(blas.pop()) if len(blas) == 1 else -1,
            "spawned": int("crm_analysis.reporting.execute" in worker.cmdline()),
            "not_a_number": float("nan"),
        }
"""
PARAMETERS = 'study: str = "data/shop"  # folder that holds study.toml\nseed: int = 1\nlabel: str = ""  # a title'


@pytest.fixture(scope="module")
def home(tmp_path_factory, make_study, make_notebook):
    """A study, notebooks that work, and some that do not, in a folder whose braces mean something to papermill."""
    home = tmp_path_factory.mktemp("home {of} 客户")
    make_study(home / "data" / "shop")
    opened = "from crm_analysis.study import Study\nshop = Study.open(study)\nprint(shop.name)"
    make_notebook(home / "good" / "20_study.ipynb", opened, "open('scratch.txt', 'w').close()", title="Who?")
    make_notebook(home / "good" / "30_feelings.ipynb", "1 / 0", title="How?", needs="Needs: transactions, survey, kano")
    numbers = (NUMBERS, "record(Numbers(), 'numbers')", "   ", "label")
    make_notebook(home / "good" / "40_numbers.ipynb", *numbers, title="How many?", parameters=PARAMETERS)
    return home


def run(home, **options):
    return runner.run(home / "data" / "shop", **{"notebooks": home / "good", "out": home / "reports", **options})


@pytest.fixture(scope="module")
def parallel(home):
    news = []
    given = {"label": "007", "seed": "3"}
    return run(home, jobs=2, parameters=given, progress=news.append), news


@pytest.fixture(scope="module")
def serial(home, parallel):
    news = []
    return run(home, jobs=1, parameters={"label": "007", "seed": 3}, progress=news.append), news


def record_of(outcome):
    return json.loads((outcome.folder / "run.json").read_text("utf-8"))


def test_a_complete_run(home, parallel):
    outcome, news = parallel
    reports = home / "reports" / "shop"
    assert outcome.complete
    assert outcome.folder == reports / outcome.run_id
    assert outcome.index == reports / "latest" / "index.html"
    assert outcome.index.is_file()
    assert [(book.name, book.status, book.reason) for book in outcome.notebooks] == [
        ("20_study", "ok", ""),
        ("30_feelings", "skipped", "needs survey and kano"),
        ("40_numbers", "ok", ""),
    ]
    assert [(item.status, item.total) for item in news].count(("running", 2)) == 2
    assert [item.done for item in news if item.status == "ok"] == [1, 2]
    assert {item.name for item in news} == {"20_study", "40_numbers"}


def test_nothing_is_left_but_the_run(home, parallel, serial):
    kept = {path.name for path in (home / "reports" / "shop").iterdir()}
    assert {parallel[0].run_id, serial[0].run_id, "history", "latest", ".lock"} <= kept
    assert not [name for name in kept if name.startswith((".staging", ".latest"))]
    folder = {path.relative_to(serial[0].folder).as_posix() for path in serial[0].folder.rglob("*") if path.is_file()}
    assert folder == {
        "index.html",
        "20_study.html",
        "40_numbers.html",
        "notebooks/20_study.ipynb",
        "notebooks/40_numbers.ipynb",
        "notebooks/scratch.txt",
        "results/40_numbers.json",
        "tables/40_numbers.numbers.table.csv",
        "metrics.json",
        "run.json",
    }


def test_run_json_says_what_was_run_on_what(home, parallel):
    record = record_of(parallel[0])
    assert list(record) == [
        "schema",
        "run_id",
        "study",
        "started",
        "finished",
        "seconds",
        "complete",
        "package",
        "python",
        "libraries",
        "machine",
        "threads",
        "study_toml",
        "inputs",
        "parameters",
        "notebooks",
        "outputs",
        "previous",
    ]
    assert (record["schema"], record["run_id"], record["complete"]) == (1, parallel[0].run_id, True)
    assert record["study"] == {"name": "shop", "title": "A corner shop"}
    assert record["study_toml"] == (home / "data" / "shop" / "study.toml").read_text("utf-8")
    assert record["inputs"] == [
        {
            "table": "transactions",
            "file": "orders.csv",
            "sha256": provenance.sha256(home / "data" / "shop" / "orders.csv"),
            "bytes": (home / "data" / "shop" / "orders.csv").stat().st_size,
            "rows": 16,
            "quarantined": 0,
        }
    ]
    assert record["parameters"] == {"label": "007", "seed": "3"}
    assert record["threads"] == {"workers": 2, "blas": max(1, record["machine"]["cores"] // 2)}
    assert record["previous"] is None
    assert record["libraries"]["papermill"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", record[key]) for key in ("started", "finished"))
    study, skipped, numbers = record["notebooks"]
    assert skipped["seconds"] is None
    assert (numbers["title"], numbers["error"]) == ("How many?", None)
    assert numbers["parameters"] == {"study": "../../../../data/shop", "seed": 3, "label": "007"}
    assert study["parameters"] == {"study": "../../../../data/shop"}
    assert 0.05 < study["seconds"] < 100
    assert 30 < study["peak_memory_mb"] < 3000


def test_every_output_is_hashed_as_it_is(parallel):
    folder = parallel[0].folder
    outputs = {entry["file"]: entry for entry in record_of(parallel[0])["outputs"]}
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(outputs) == files - {"run.json"}
    for name, entry in outputs.items():
        assert entry["sha256"] == provenance.sha256(folder / name)
        assert entry["bytes"] == (folder / name).stat().st_size
    # Three records, one of them with a line break inside.
    assert outputs["tables/40_numbers.numbers.table.csv"]["rows"] == 3
    assert "rows" not in outputs["index.html"]


def test_no_path_of_the_machine_is_kept(home, parallel):
    for file in ("run.json", "notebooks/20_study.ipynb", "notebooks/40_numbers.ipynb", "index.html", "20_study.html"):
        assert str(home) not in (parallel[0].folder / file).read_text("utf-8")
        assert os.uname().nodename not in (parallel[0].folder / file).read_text("utf-8").split('"')


def test_the_executed_notebook_holds_only_changed_parameters_in_their_types(parallel):
    executed = nbformat.read(parallel[0].folder / "notebooks" / "40_numbers.ipynb", as_version=4)
    injected = [cell.source for cell in executed.cells if "injected-parameters" in cell.metadata.get("tags", [])]
    assert injected == ['# Parameters\nstudy = "../../../../data/shop"\nseed = 3\nlabel = "007"\n']
    assert "".join(executed.cells[-1].outputs[0]["data"]["text/plain"]) == "'007'"


def test_the_executed_notebook_runs_again_where_it_lies(parallel):
    from crm_analysis.study import Study

    notebooks = parallel[0].folder / "notebooks"
    assert Study.open(notebooks / "../../../../data/shop").name == "shop"


def test_kernels_share_the_cores_and_workers_are_spawned(parallel, serial):
    for outcome, _ in (parallel, serial):
        metrics = json.loads((outcome.folder / "metrics.json").read_text("utf-8"))
        assert metrics["40_numbers/numbers.spawned"] == 1
        assert metrics["40_numbers/numbers.locks_inherited"] == 0
        assert metrics["40_numbers/numbers.blas_threads"] == record_of(outcome)["threads"]["blas"]


def test_parallel_runs_give_the_same_results_as_serial_ones(parallel, serial):
    tables = [
        (outcome.folder / "tables/40_numbers.numbers.table.csv").read_bytes() for outcome, _ in (parallel, serial)
    ]
    assert tables[0] == tables[1]
    metrics = [json.loads((outcome.folder / "metrics.json").read_text("utf-8")) for outcome, _ in (parallel, serial)]
    assert set(metrics[0]) == {
        f"40_numbers/numbers.{name}" for name in ("mean", "locks_inherited", "blas_threads", "spawned")
    }
    assert metrics[0]["40_numbers/numbers.mean"] == metrics[1]["40_numbers/numbers.mean"]


def test_runs_are_kept_apart_and_history_grows(home, parallel, serial):
    first, second = parallel[0], serial[0]
    assert first.run_id < second.run_id
    assert record_of(second)["previous"] == first.run_id
    entries = history.load(home / "reports" / "shop" / "history")[:2]
    assert [entry["run_id"] for entry in entries] == [first.run_id, second.run_id]
    assert list(entries[0]) == ["run_id", "started", "seconds", "metrics", "notebooks", "parameters"]
    assert set(entries[0]["notebooks"]) == {"20_study", "40_numbers"}
    assert entries[0]["parameters"]["40_numbers"] == {"study": "../../../../data/shop", "seed": 3, "label": "007"}
    assert entries[1]["metrics"] == json.loads((second.folder / "metrics.json").read_text("utf-8"))


def test_the_longest_starts_first(home, parallel, serial):
    took = history.load(home / "reports" / "shop" / "history")[0]["notebooks"]
    started = [item.name for item in serial[1] if item.status == "running"]
    assert started == sorted(took, key=lambda name: -took[name])
    assert [item.name for item in parallel[1] if item.status == "running"] == ["20_study", "40_numbers"]


def test_only_skipped_notebooks_make_a_complete_run(home, tmp_path):
    outcome = run(home, only=["30"], out=tmp_path)
    assert outcome.complete
    assert [book.status for book in outcome.notebooks] == ["skipped"]


def test_a_survey_without_a_model_is_told_how_to_name_one(tmp_path, make_notebook, write_study):
    study = write_study({"survey": "respondent_id,Q1\nr1,1\n"})
    make_notebook(tmp_path / "books" / "30_feelings.ipynb", "1 / 0", title="How?", needs="Needs: survey, model")
    outcome = runner.run(study, notebooks=tmp_path / "books", out=tmp_path / "reports")
    (skipped,) = outcome.notebooks
    assert skipped.status == "skipped"
    assert skipped.reason == "needs model: add [survey] model = ... or [survey.paths] to study.toml"


def test_two_runs_in_one_second_get_two_ids(tmp_path):
    archive = Archive(tmp_path / "shop")
    ids = []
    with archive.locked():
        for _ in range(3):
            ids.append(archive.new_run())
            with archive.staging(ids[-1]) as staged:
                archive.keep(staged, ids[-1])
    assert ids == sorted(set(ids))


def test_a_run_is_never_overwritten(tmp_path):
    archive = Archive(tmp_path / "shop")
    with archive.locked(), archive.staging("20250101T000000Z") as staged:
        kept = tmp_path / "shop" / "20250101T000000Z"
        kept.mkdir()
        with pytest.raises(UsageError) as caught:
            archive.keep(staged, "20250101T000000Z")
    assert str(caught.value) == f"the run {kept} exists already; run again to get a new id."


def test_what_a_killed_run_left_is_removed(tmp_path):
    leftover = tmp_path / "shop" / ".staging-20250101T000000Z" / "notebooks"
    leftover.mkdir(parents=True)
    with Archive(tmp_path / "shop").locked():
        assert not leftover.parent.exists()


def test_a_locked_study_says_who_holds_it(home, tmp_path):
    with Archive(tmp_path / "shop").locked(), pytest.raises(UsageError) as caught:
        run(home, out=tmp_path)
    assert str(caught.value) == (
        f"the study shop is being run by process {os.getpid()}; wait until that run has ended."
    )
    # The lock was held by an open file alone: with it closed the study is free again.
    with (tmp_path / "shop" / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_latest_that_is_no_link(home, tmp_path):
    (tmp_path / "shop" / "latest").mkdir(parents=True)
    with pytest.raises(UsageError) as caught:
        run(home, out=tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'shop' / 'latest'} is not the link that this program makes; move it away and run again."
    )


@pytest.mark.parametrize(("option", "value"), [("jobs", 0), ("timeout", 0), ("jobs", -1)])
def test_counts_below_one(home, option, value):
    with pytest.raises(UsageError, match=rf"^{option} must be 1 or more, got {value}\.$"):
        run(home, **{option: value})


def test_a_missing_study(home, tmp_path):
    with pytest.raises(UsageError) as caught:
        runner.run(tmp_path / "nowhere", notebooks=home / "good", out=tmp_path)
    assert str(caught.value) == (
        f"there is no folder {tmp_path / 'nowhere'}; make a study with: crm-analysis init {tmp_path / 'nowhere'} FILES."
    )


def test_a_password_in_study_toml_is_refused(home, tmp_path, make_study):
    folder = make_study(tmp_path / "shop")
    toml = (folder / "study.toml").read_text("utf-8") + "# once postgresql://anna:hunter2@db.example/crm\n"
    (folder / "study.toml").write_text(toml, "utf-8")
    with pytest.raises(UsageError) as caught:
        runner.run(folder, notebooks=home / "good", out=tmp_path / "reports")
    assert str(caught.value) == (
        "study.toml holds a password, and it is saved with the report; "
        'put the address into an environment variable and name that: url = "env:NAME".'
    )


def test_broken_data_start_no_kernel_and_leave_no_trace(home, tmp_path, make_study):
    folder = make_study(tmp_path / "shop")
    (folder / "orders.csv").write_text("customer_id,time\nC1,2025-01-01\n", "utf-8")
    news = []
    with pytest.raises(ContractError, match="amount"):
        runner.run(folder, notebooks=home / "good", out=tmp_path / "reports", progress=news.append)
    assert news == []
    assert not (tmp_path / "reports").exists()


def test_what_the_notebooks_made_is_kept_when_the_pages_fail(home, tmp_path, monkeypatch):
    def broken(_folder: Path) -> Path:
        raise ZeroDivisionError

    monkeypatch.setattr("crm_analysis.reporting.site.build", broken)
    with pytest.raises(ZeroDivisionError):
        run(home, only=["30"], out=tmp_path)
    kept = [path for path in (tmp_path / "shop").iterdir() if path.name[0].isdigit()]
    assert len(kept) == 1
    assert json.loads((kept[0] / "run.json").read_text("utf-8"))["complete"] is False
    assert not (tmp_path / "shop" / "latest").exists()
