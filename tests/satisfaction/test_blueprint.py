"""Blueprint: a model described before it is estimated; its pictures keep boxes apart and inside."""

from itertools import combinations

import matplotlib.pyplot as plt
import pytest
from matplotlib.offsetbox import AnnotationBbox

from crm_analysis.satisfaction.model import ACSI, CCSI, ECSI, Construct, Model

ASKED = ACSI.measured_by(
    {
        "expectations": ["expectations_overall", "expectations_customisation", "expectations_reliability"],
        "quality": [f"quality_{k}" for k in range(1, 13)],
        "value": ["value_price_given_quality", "value_quality_given_price"],
        "satisfaction": ["s1", "s2", "s3"],
        "complaints": ["complained"],
        "loyalty": ["repurchase_likelihood", "price_tolerance"],
    }
)
ALONE = Model("alone", (Construct("satisfaction", ("s1", "s2", "s3")),))


def test_the_table_and_findings_in_whole():
    found = ASKED.extended("s1 ~~ s2").describe()
    rows = found.to_frame().set_index("construct")
    assert rows.loc["value", "items"] == "value_price_given_quality, value_quality_given_price"
    assert rows.loc["loyalty", "depends_on"] == "satisfaction, complaints"
    assert rows.loc["expectations", "depends_on"] == "–"
    assert rows["kind"].tolist() == ["reflective"] * 4 + ["single item", "reflective"]
    assert found.findings() == (
        "The model ACSI has 6 constructs, measured by 23 items, and 9 paths between them.",
        "It begins with expectations, which nothing in it explains, and ends with loyalty.",
        "One item alone stands for complaints: its error cannot be told from what it measures.",
        "Beyond that it says 's1 ~~ s2'.",
    )
    assert found.metrics() == {"constructs": 6, "items": 23, "paths": 9}


def test_a_model_without_items_is_a_logic_model():
    found = ECSI.describe()
    assert found.findings()[0] == "The model ECSI has 7 constructs, without items yet, and 12 paths between them."
    assert set(found.to_frame()["kind"]) == {"no items yet"}
    half = CCSI.measured_by({"image": ["i1", "i2"]}, composites="image").describe()
    assert half.to_frame().set_index("construct").loc["image", "kind"] == "composite"
    assert (
        half.findings()[2] == "Items are still to be found for expectations, quality, value, satisfaction and loyalty."
    )


def test_ccsi_has_the_eleven_relations_and_four_causes_that_accounts_of_it_give():
    assert len(CCSI.paths) == 11
    assert CCSI.sources("satisfaction") == ("image", "expectations", "quality", "value")
    assert CCSI.sources("loyalty") == ("satisfaction",)


@pytest.mark.parametrize("picture", ["plot", "plot_items"])
@pytest.mark.parametrize("model", [ASKED, ECSI, ALONE], ids=lambda model: model.name)
def test_boxes_stay_apart_and_inside(model, picture):
    ax = getattr(model.describe(), picture)()
    figure = ax.get_figure()
    figure.canvas.draw()
    boxes = [one.patch.get_window_extent() for one in ax.artists if isinstance(one, AnnotationBbox)]
    assert len(boxes) == len(model.names)
    assert not any(first.overlaps(second) for first, second in combinations(boxes, 2))
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 and box.y1 <= figure.bbox.y1 for box in boxes)
    plt.close(figure)


@pytest.mark.parametrize("model", [ASKED, ECSI, ALONE], ids=lambda model: model.name)
def test_ModelResult_keeps_the_contract(model, keeps_result_contract):
    keeps_result_contract(model.describe(), pictures=("plot", "plot_items"))
