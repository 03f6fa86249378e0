"""A run that is ended from outside leaves no process, no half report, and the last good report in its place."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from crm_analysis.reporting.archive import Archive

WAITS = "import os, time\nopen('../../begun', 'w').close()\ntime.sleep(120)"


@pytest.fixture
def started(tmp_path, make_study, make_notebook):
    """A run in the middle of its notebooks, and every process below it."""
    make_study(tmp_path / "data" / "shop")
    for name in ("20_waits",):
        make_notebook(tmp_path / "books" / f"{name}.ipynb", WAITS, parameters=None)
    reports = tmp_path / "reports" / "shop"
    (reports / "20250101T000000Z").mkdir(parents=True)
    (reports / "latest").symlink_to("20250101T000000Z")
    command = [sys.executable, "-m", "crm_analysis.cli", "run", "data/shop", "--notebooks", "books"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while not (reports / "begun").exists():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        # The worker and its kernel.
        while len(below := psutil.Process(process.pid).children(recursive=True)) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield process, below
    finally:
        process.kill()
        process.communicate()


def alive(processes):
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_everything_in_order(tmp_path, started, number, code):
    process, below = started
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (
        code,
        "",
        "crm-analysis: interrupted; the last complete report is as it was.\n",
    )
    assert alive(below) == []
    reports = tmp_path / "reports" / "shop"
    assert sorted(path.name for path in reports.iterdir()) == [".lock", "20250101T000000Z", "begun", "latest"]
    assert os.readlink(reports / "latest") == "20250101T000000Z"


def test_after_a_kill_the_rest_ends_by_itself_and_the_next_run_clears_up(tmp_path, started):
    process, below = started
    process.kill()
    process.wait()
    _, left = psutil.wait_procs(below, timeout=10)
    assert alive(left) == []
    reports = tmp_path / "reports" / "shop"
    assert len(list(reports.glob(".staging-*"))) == 1
    with Archive(reports).locked():
        assert list(reports.glob(".staging-*")) == []
    assert os.readlink(reports / "latest") == "20250101T000000Z"
