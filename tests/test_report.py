"""The whole way, once: the demo company, its notebooks run by the runner and by nbval, and the report."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from crm_analysis.reporting import runner
from crm_analysis.segmentation import rfm
from crm_analysis.study import Study, simulate

ROOT = Path(__file__).parent.parent
LOCKED = (3, 11)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the project's: notebooks as committed, the demo study simulated anew, no report."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    simulate.company().write(folder / "data" / "demo")
    return folder


@pytest.fixture(scope="module")
def run(home: Path) -> Path:
    """The folder of a complete run of the demo study."""
    outcome = runner.run(home / "data" / "demo", out=home / "reports", notebooks=home / "notebooks")
    assert [notebook.error for notebook in outcome.notebooks if notebook.status == "failed"] == []
    assert outcome.complete
    return outcome.folder


def pages(run: Path) -> list[Path]:
    return [run / "index.html", *(run / f"{path.stem}.html" for path in (run / "notebooks").glob("*.ipynb"))]


def test_latest_points_at_the_run(home: Path, run: Path) -> None:
    latest = home / "reports" / "demo" / "latest"
    assert latest.is_symlink()
    assert (latest / "index.html").resolve() == (run / "index.html").resolve()
    assert (home / "reports" / "demo" / "history" / f"{run.name}.json").is_file()


def test_every_notebook_of_the_project_is_in_the_report(run: Path) -> None:
    assert {page.stem for page in pages(run)} == {
        "index",
        *(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")),
    }


def test_nothing_on_a_page_reaches_for_the_network(run: Path) -> None:
    for page in pages(run):
        html = page.read_text("utf-8")
        assert re.findall(r"""(?:src|href|url|srcset|action)\s*[=(]\s*["']?(?:https?:)?//""", html) == [], page.name
        assert "@import" not in html, page.name


def test_every_picture_has_a_text_and_a_file(run: Path) -> None:
    for page in pages(run):
        images = re.findall(r"<img [^>]*>", page.read_text("utf-8"))
        assert images, page.name
        for image in images:
            assert len(re.search(r'alt="([^"]*)"', image)[1]) > 40
            assert (run / re.search(r'src="([^"]*)"', image)[1]).is_file()


def test_customers_are_in_the_tables_and_not_on_the_pages(run: Path) -> None:
    scores = pd.read_csv(run / "tables" / "20_segmentation.rfm.scores.csv", dtype={"customer_id": str})
    assert scores["customer_id"].is_unique
    for page in pages(run):
        html = page.read_text("utf-8")
        assert [name for name in scores["customer_id"] if name in html] == []


def test_the_report_says_what_the_function_says(home: Path, run: Path) -> None:
    study = Study.open(home / "data" / "demo")
    result = rfm.score(study.customer360(), bins=5, label=str(study.day()))
    saved = json.loads((run / "results" / "20_segmentation.json").read_text("utf-8"))["results"]
    recorded = next(entry for entry in saved if entry["name"] == "rfm")
    assert recorded["findings"] == list(result.findings())
    assert recorded["metrics"] == pytest.approx(result.metrics(), rel=1e-9, nan_ok=True)
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    assert metrics["20_segmentation/rfm.customers"] == len(result.scores)


def test_the_index_repeats_the_headlines_and_no_more(run: Path) -> None:
    saved = json.loads((run / "results" / "20_segmentation.json").read_text("utf-8"))["results"]
    html = (run / "index.html").read_text("utf-8").replace("&#39;", "'")
    assert [len(entry["findings"]) for entry in saved] != [entry["headlines"] for entry in saved]
    for entry in saved:
        shown = [finding in html for finding in entry["findings"]]
        assert shown == [place < entry["headlines"] for place in range(len(shown))], entry["name"]


def nbval(folder: Path, *options: str) -> str:
    """Run pytest with nbval over a folder of notebooks in a process of its own; return what it printed if it passed."""
    settings = ["-p", "no:cacheprovider", "-p", "no:xdist", "-q", "--nbval-current-env", "--rootdir", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *settings, *options, str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


@pytest.mark.skipif(sys.version_info[:2] != LOCKED, reason="outputs were committed with the locked Python")
def test_the_committed_outputs_are_what_the_notebooks_give(home: Path) -> None:
    printed = nbval(home / "notebooks", "--nbval", "--nbval-sanitize-with", str(ROOT / "tests" / "nbval_sanitize.cfg"))
    assert " passed" in printed


def test_the_notebooks_work_on_a_small_company_with_other_parameters(home: Path) -> None:
    from papermill.iorw import load_notebook_node, write_ipynb
    from papermill.parameterize import parameterize_notebook

    simulate.company(customers=500, seed=4).write(home / "data" / "small")
    changed = {
        "10_customer_360": {"as_of": "2025-03-31", "per": "person", "period": "month", "by": "region"},
        "20_segmentation": {
            "as_of": "2025-03-31",
            "bins": 4,
            "method": "nested",
            "days_back": 200,
            "quantile": 0.75,
            "attitude": "",
            "favourable": 8.0,
        },
        "21_segments_over_time": {"as_of": "2025-09-30", "step_days": 120, "method": "mixture", "groups": 0, "bins": 4},
        "30_satisfaction": {
            "scheme": "centroid",
            "consistent": True,
            "resamples": 100,
            "by": "market",
            "group": "wave",
            "seed": 2,
        },
        "31_build_an_index": {"language": "zh", "tried": 25, "image": "", "half_width": 2.0, "draws": 60, "seed": 2},
        "32_kano_and_service_quality": {},
        "40_loyalty": {
            "as_of": "2025-03-31",
            "days_back": 200,
            "weights": "critic",
            "by": "region",
            "draws": 100,
            "seed": 2,
        },
        "41_satisfaction_trap": {
            "as_of": "2025-11-30",
            "days": 150,
            "behaviour": "kept",
            "second": "late",
            "satisfied_from": 80.0,
            "days_between": 100,
            "seed": 2,
        },
        "50_customer_value": {
            "as_of": "2025-06-30",
            "holdout_days": 200,
            "model": "bg",
            "years": 1.5,
            "discount_rate": 0.05,
            "points": 3.0,
            "seed": 2,
        },
        "60_churn": {
            "horizon": 60,
            "every": 60,
            "count": 3,
            "late": 4.0,
            "takeup": 0.5,
            "budget": 0.0,
            "category": "fiction",
            "by": "",
            "seed": 2,
        },
    }
    small = home / "changed"
    small.mkdir()
    for path in sorted((home / "notebooks").glob("*.ipynb")):
        parameters = {"study": "data/small", **changed[path.stem]}
        notebook = parameterize_notebook(load_notebook_node(str(path)), parameters)
        write_ipynb(notebook, str(small / path.name))
    assert " passed" in nbval(small, "--nbval-lax")
