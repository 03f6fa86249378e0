"""Path diagrams: causal order, nothing in the way, legible."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from crm_analysis.satisfaction import model, pathdiagram


@pytest.mark.parametrize("name", ["ACSI", "ECSI", "CCSI"])
def test_presets_are_drawn_in_causal_order_and_legibly(name, legible):
    preset = getattr(model, name)
    place = pathdiagram.layout(preset.names, preset.paths)
    for source, target in preset.paths:
        assert place[source][0] < place[target][0]
    paths = pd.DataFrame(preset.paths, columns=["source", "target"])
    paths = paths.assign(estimate=np.linspace(-0.5, 0.9, len(paths)), ci_lower=-0.6, ci_upper=1.0)
    ax = pathdiagram.draw(paths, title=name, text="A path diagram with its arrows.")
    legible(ax.get_figure())
    words = [text.get_text() for text in ax.texts]
    assert sum("to" in word for word in words) == len(paths)
    plt.close(ax.get_figure())


def test_no_arrow_runs_through_a_box():
    names, arrows = ["a", "b", "c"], [("a", "b"), ("b", "c"), ("a", "c")]
    place = pathdiagram.layout(names, arrows)
    line = [np.array(place[name]) for name in ("a", "c")]
    middle = line[0] + 0.5 * (line[1] - line[0])
    assert abs(middle[1] - place["b"][1]) > 0.4


def test_an_effect_without_an_interval_and_a_long_name(legible):
    paths = pd.DataFrame(
        {
            "source": ["a construct with a very long name"],
            "target": ["satisfaction in all of its many parts"],
            "estimate": [0.4],
            "ci_lower": [np.nan],
            "ci_upper": [np.nan],
        }
    )
    ax = pathdiagram.draw(
        paths, title="Two", notes={"satisfaction in all of its many parts": "R² 0.16"}, text="Two boxes and an arrow."
    )
    legible(ax.get_figure())
    assert "0.40" in [text.get_text() for text in ax.texts]
    plt.close(ax.get_figure())
