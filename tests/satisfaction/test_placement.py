"""Names of points lie upon nothing else."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

from crm_analysis.satisfaction.paired import placement


@pytest.fixture
def crowd():
    generator = np.random.default_rng(2)
    figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
    x, y = generator.normal(0.5, 0.12, 14), generator.normal(0.5, 0.12, 14)
    ax.scatter(x, y)
    ax.set(xlim=(0, 1), ylim=(0, 1))
    yield ax, x, y
    plt.close(figure)


def test_no_name_lies_upon_another_or_upon_a_point(crowd):
    ax, x, y = crowd
    left_out = placement.name_points(ax, x, y, [f"feature_{n}" for n in range(14)], colors=["black"] * 14)
    assert left_out == 0
    ax.figure.canvas.draw()
    # Of the words alone: an annotation counts its line to the point too.
    boxes = [Text.get_window_extent(text) for text in ax.texts]
    assert [text.get_text() for text in ax.texts if "_" in text.get_text()] == []
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])
    dots = ax.transData.transform(np.column_stack([x, y]))
    assert not any(box.contains(*dot) for box in boxes for dot in dots)
    assert all(ax.get_window_extent().contains(box.x0, box.y0) for box in boxes)


def test_a_name_without_room_is_left_out_and_counted(crowd):
    ax, x, y = crowd
    names = ["a name far too long to find any room at all"] * 14
    assert placement.name_points(ax, x, y, names, colors=["black"] * 14, size=40) > 0


def test_nothing_to_name(crowd):
    ax, _, _ = crowd
    assert placement.name_points(ax, np.empty(0), np.empty(0), [], colors=[]) == 0
    assert list(ax.texts) == []
