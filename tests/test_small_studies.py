"""Studies in which customers cannot be cut: the notebooks run through and say what cannot be said, and why."""

import json
import os
from datetime import date, timedelta
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from crm_analysis import result, style

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
START = date(2024, 1, 1)

STUDIES = {
    "one-time buyers": [(f"c{n:02d}", START + timedelta(days=37 * n), 10 + n) for n in range(18)],
    "one trading day": [(f"c{n:02d}", START, 10 + n) for n in range(18)],
    "a single customer": [("c00", START + timedelta(days=37 * n), 10 + n) for n in range(18)],
}
ALIKE = {"one-time buyers": "frequency", "one trading day": "recency_days", "a single customer": "recency_days"}


@pytest.fixture(scope="module", params=STUDIES)
def study(request, tmp_path_factory):
    """A folder with a log of orders and nothing else."""
    folder = tmp_path_factory.mktemp("study")
    rows = [f"{customer},{day},{amount}" for customer, day, amount in STUDIES[request.param]]
    (folder / "orders.csv").write_text("\n".join(["customer_id,time,amount", *rows]), "utf-8")
    (folder / "study.toml").write_text(
        '[study]\nname = "small"\ntitle = "Small"\n[tables.transactions]\nsource = "orders.csv"\n', "utf-8"
    )
    return folder, request.param


@pytest.mark.parametrize("name", ["20_segmentation", "21_segments_over_time", "50_customer_value"])
def test_a_notebook_runs_through(study, name, monkeypatch):
    """Its cells are run here, without a kernel; what it records has something to say in every result."""
    folder, kind = study
    said = {}

    def record(found, key, **_):
        assert key not in said
        said[key] = found.findings()
        assert found._repr_html_()

    monkeypatch.setattr(result, "record", record)
    monkeypatch.setattr(style, "use", lambda: None)
    names = {}
    for cell in json.loads((NOTEBOOKS / f"{name}.ipynb").read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
            if "parameters" in cell["metadata"].get("tags", ()):
                names["study"] = os.fspath(folder)
            plt.close("all")
    assert all(said.values())
    first = {
        "20_segmentation": "rfm",
        "21_segments_over_time": "segments_at_first",
        "50_customer_value": "lifetime_value",
    }
    why = said[first[name]][0]
    if name == "50_customer_value":
        assert why.startswith("ParetoNBD: ")
    else:
        assert why.startswith(f"RFM classes cannot be cut: {ALIKE[kind]} has the same value, ")
