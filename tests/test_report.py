"""The whole way, once: the demo company, its notebooks run by the runner, and the report."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
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


@pytest.mark.skipif(sys.version_info[:2] != LOCKED, reason="outputs were committed with the locked Python")
def test_the_committed_outputs_are_what_a_run_gives(run: Path) -> None:
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        committed, given = _outputs(path), _outputs(run / "notebooks" / path.name)
        assert list(committed) == list(given), path.name
        for cell, said in committed.items():
            assert given[cell] == said, f"{path.name}, {cell}: make notebooks"


def _outputs(path: Path) -> dict[str, list[str]]:
    """Texts and tables that each code cell gave; pictures depend on the machine's fonts."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    own = [cell for cell in cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    return {f"code cell {number}": list(_texts(cell)) for number, cell in enumerate(own, start=1)}


def _texts(cell: nbformat.NotebookNode) -> Iterator[str]:
    for output in cell.outputs:
        yield output.output_type
        yield output.get("text", "")
        yield from (text for kind, text in sorted(output.get("data", {}).items()) if kind.startswith("text/"))


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
