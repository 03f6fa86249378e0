"""A notebook that failed is known to have failed, whatever the tool says, and costs nobody the last good report."""

import json
import os
import time

import nbformat
import psutil
import pytest

from crm_analysis.reporting import history, runner


@pytest.fixture(scope="module")
def home(tmp_path_factory, make_study, make_notebook):
    home = tmp_path_factory.mktemp("home")
    make_study(home / "data" / "shop")
    bad = {
        "10_error": ("1", "raise ValueError('too [bold]few[/]\\nrows')", "3"),
        "11_exit": ("1", "import sys; sys.exit(0)", "3"),
        "13_dead": ("1", "import os; os._exit(0)", "3"),
        "14_dead_last": ("import os", "os.kill(os.getpid(), 9)"),
        "15_slow": ("1", "import time; time.sleep(60)", "3"),
        "16_fine": ("1",),
        "17_worker_gone": ("1", "import os, time; os.kill(os.getppid(), 9); time.sleep(60)"),
    }
    for name, cells in bad.items():
        make_notebook(home / "bad" / f"{name}.ipynb", *cells, title=name)
    return home


def run(home, **options):
    return runner.run(home / "data" / "shop", notebooks=home / "bad", **{"out": home / "reports", **options})


@pytest.fixture(scope="module")
def before(home):
    return run(home, only=["16"])


@pytest.fixture(scope="module")
def failed(home, before):
    return run(home, jobs=2, timeout=2)


def test_a_failed_run_keeps_its_folder_and_moves_nothing(home, before, failed):
    reports = home / "reports" / "shop"
    assert not failed.complete
    assert failed.index == failed.folder / "index.html" == reports / failed.run_id / "index.html"
    assert failed.index.is_file()
    assert os.readlink(reports / "latest") == before.run_id
    assert failed.run_id not in [entry["run_id"] for entry in history.load(reports / "history")]
    assert json.loads((failed.folder / "run.json").read_text("utf-8"))["complete"] is False
    assert not list(reports.glob(".staging*"))


@pytest.mark.parametrize(
    ("name", "cell", "error", "message"),
    [
        ("10_error", 3, "ValueError", "too [bold]few[/]\nrows"),
        ("11_exit", 3, "SystemExit", "the cell ended the notebook (exit 0); the cells below it were not run"),
        (
            "13_dead",
            3,
            "DeadKernelError",
            "the kernel died: memory may have run out, or the process was ended from outside",
        ),
        (
            "14_dead_last",
            3,
            "DeadKernelError",
            "the kernel died: memory may have run out, or the process was ended from outside",
        ),
        (
            "15_slow",
            3,
            "CellTimeoutError",
            "the cell took longer than 2 s; give it more time with --timeout, or less to do",
        ),
        (
            "17_worker_gone",
            3,
            "WorkerDied",
            "the process that ran this notebook ended by signal SIGKILL; memory may have run out",
        ),
    ],
)
def test_failures_are_found_in_the_cells(failed, name, cell, error, message):
    book = next(book for book in failed.notebooks if book.name == name)
    # The parameters cell and the injected one are code cells too.
    assert book.status == "failed"
    assert (book.error["cell"], book.error["name"], book.error["message"]) == (cell + 1, error, message)
    assert "\x1b" not in book.error["traceback"]
    if error == "ValueError":
        assert "raise ValueError" in book.error["traceback"]


def test_other_notebooks_of_a_failed_run_are_well(failed):
    assert [book.name for book in failed.notebooks if book.status == "ok"] == ["16_fine"]
    executed = nbformat.read(failed.folder / "notebooks" / "10_error.ipynb", as_version=4)
    # papermill's own notes about the error are left out.
    assert [cell.cell_type for cell in executed.cells] == ["markdown", "code", "code", "code", "code", "code"]


def test_a_kernel_that_dies_at_its_start_is_started_once_more(home, tmp_path, monkeypatch):
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    tries = tmp_path / "tries"
    (startup / "dies.py").write_text(
        f"import os\nwith open({str(tries)!r}, 'a') as f: f.write('x')\n"
        f"if os.path.getsize({str(tries)!r}) == 1: os._exit(1)\n"
    )
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    outcome = run(home, only=["16"], out=tmp_path)
    assert outcome.complete
    assert tries.read_text() == "xx"


def test_a_kernel_whose_worker_was_killed_ends_by_itself(home, failed):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        left = [
            process
            for process in psutil.process_iter(["cmdline"])
            if str(home) in " ".join(process.info["cmdline"] or [])
        ]
        if not left:
            return
        time.sleep(0.1)
    pytest.fail(f"still running: {left}")
