"""What several tests need: small studies on the spot, the contract that every Result keeps, legible pictures."""

import dataclasses
import math
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from hypothesis import settings

# Before pyplot draws: pictures are looked at through their artists, never on a screen.
mpl.use("Agg")
settings.register_profile("house", deadline=None, derandomize=True, max_examples=40, print_blob=False)
settings.load_profile("house")

# Files are handed to the workers whole and in this order: the long ones first, or one worker ends alone with them.
_LONG = ("test_outputs.py", "test_report.py", "test_decision.py", "test_labels.py")


def pytest_collection_modifyitems(items):
    place = {name: index for index, name in enumerate(_LONG)}
    items.sort(key=lambda item: place.get(item.path.name, len(_LONG)))


_SHARED = Path(__file__).parents[1] / ".." / "shared"
_SOMEBODY = {"customer_id", "person_id", "respondent_id"}


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """Path of a file among the shared data; the test is skipped where it is absent."""

    def find(name: str) -> Path:
        path = _SHARED / name
        if not path.exists():
            pytest.skip(f"the shared file {name} is not there")
        return path

    return find


@pytest.fixture
def few_orders() -> pd.DataFrame:
    """Nine orders of three customers: two on one day, two returns, one customer with nothing but a return."""
    rows = [
        ("b", "2025-01-01 09:00", 10.0),
        ("b", "2025-01-01 18:00", 5.0),
        ("b", "2025-01-08 10:00", 20.0),
        ("b", "2025-01-08 11:00", 1.0),
        ("b", "2025-01-15 10:00", 40.0),
        ("b", "2025-01-16 10:00", -40.0),
        ("a", "2025-01-10 10:00", 7.0),
        ("a", "2025-02-10 10:00", 8.0),
        ("c", "2025-01-20 10:00", -3.0),
    ]
    orders = pd.DataFrame(rows, columns=["customer_id", "time", "amount"])
    return orders.assign(time=pd.to_datetime(orders["time"]))


@pytest.fixture
def write_study(tmp_path) -> Callable[..., Path]:
    """Write a study folder: CSV text (or nothing) by table, and study.toml (by default one section a table)."""

    def write(tables: Mapping[str, str], toml: str | None = None, *, folder: str = "shop") -> Path:
        home = tmp_path / folder
        home.mkdir(parents=True, exist_ok=True)
        for table, text in tables.items():
            (home / f"{table}.csv").write_text(text, "utf-8")
        sections = "".join(f'[tables.{table}]\nsource = "{table}.csv"\n' for table in tables)
        (home / "study.toml").write_text(sections if toml is None else toml, "utf-8")
        return home

    return write


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Path:
    """Folder of the demo study, simulated once for all tests of a process that need it; they must not change it."""
    from crm_analysis.study import simulate

    return simulate.company().write(tmp_path_factory.mktemp("simulated") / "demo")


@pytest.fixture
def nbval() -> Callable[..., str]:
    """Run pytest with nbval over a folder of notebooks in a process of its own; give what it printed if it passed."""

    def check(folder: Path, *options: str) -> str:
        settings = ["-p", "no:cacheprovider", "-p", "no:xdist", "-q", "--nbval-current-env", "--rootdir", str(folder)]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *settings, *options, str(folder)],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout

    return check


@pytest.fixture
def keeps_result_contract() -> Callable[..., None]:
    """Check what every Result promises; pictures are the names of its plot methods."""

    def check(result, *, pictures: tuple[str, ...] = ()) -> None:
        _check_class(type(result))
        _check_words(result)
        _check_frames(result)
        _check_metrics(result.metrics())
        for picture in pictures:
            _check_picture(getattr(result, picture))

    return check


@pytest.fixture
def legible() -> Callable[..., None]:
    """Check that a drawn picture can be read: no text is cut off, no tick label lies upon another."""
    return _check_legible


def _check_class(kind: type) -> None:
    assert kind.__name__.endswith("Result")
    assert dataclasses.is_dataclass(kind)
    parameters = kind.__dataclass_params__
    assert (parameters.frozen, parameters.eq, parameters.repr) == (True, False, False)
    assert kind.__doc__
    assert not kind.__doc__.startswith(f"{kind.__name__}(")


def _check_words(result) -> None:
    findings = result.findings()
    assert result.title.strip()
    assert isinstance(findings, tuple)
    assert findings
    for sentence in findings:
        assert isinstance(sentence, str)
        assert sentence[0].isupper() or sentence[0].isdigit(), sentence
        assert sentence.endswith("."), sentence
        assert not re.search(r"\b(nan|none|inf|NaT)\b", sentence, re.IGNORECASE), sentence
        assert "  " not in sentence
        for whole, decimals in re.findall(r"(?<![\w.])(\d[\d,]*)\.(\d+)", sentence):
            shown = decimals.lstrip("0") if whole == "0" else decimals
            assert len(shown) <= 4, sentence
    assert repr(result).splitlines()[0] == result.title
    html = result._repr_html_()
    assert html.startswith('<div class="crm-result">')
    assert html.endswith("</div>")


def _check_frames(result) -> None:
    frames = result.frames()
    assert frames
    for name in frames:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
    assert list(result.captions()) == list(result.shown)
    for name, caption in result.captions().items():
        assert caption
        assert not _SOMEBODY & set(map(str, frames[name].reset_index().columns)), f"{name} shows customers"
    before = {name: frame.copy(deep=True) for name, frame in frames.items()} | {"": result.to_frame().copy(deep=True)}
    for frame in (*frames.values(), result.to_frame()):
        frame["spoilt"] = 1
        frame.index = range(1000, 1000 + len(frame))
    after = result.frames() | {"": result.to_frame()}
    assert list(after) == list(before)
    for name, frame in before.items():
        assert after[name].equals(frame), f"the frame {name!r} is not a copy"


def _check_metrics(metrics) -> None:
    assert isinstance(metrics, dict)
    for name, value in metrics.items():
        assert re.fullmatch(r"[^\W\d_]\w*", name), name
        assert name == name.lower(), name
        # JSON writes a number: a bool or a text would not be comparable with the last run.
        assert not isinstance(value, bool | str), name
        assert math.isnan(value) or math.isfinite(value), name


def _check_picture(plot: Callable) -> None:
    open_before = plt.get_fignums()
    figure, ax = plt.subplots()
    try:
        assert plot(ax=ax) is ax
        text = figure.get_label()
        assert len(text) > 20
        assert text.endswith(".")
        assert not re.search(r"\b(nan|none)\b", text, re.IGNORECASE)
        assert ax.get_title(loc="left") or ax.get_title()
        assert [number for number in plt.get_fignums() if number not in open_before] == [figure.number]
    finally:
        plt.close(figure)
    own = plot().get_figure()
    try:
        _check_legible(own)
    finally:
        plt.close(own)
    assert plt.get_fignums() == open_before


def _check_legible(figure) -> None:
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    for ax in figure.axes:
        legend = ax.get_legend()
        texts = [*ax.texts, ax.title, ax._left_title, ax._right_title, ax.xaxis.label, ax.yaxis.label]
        texts += [*_shown(ax.xaxis), *_shown(ax.yaxis), *(legend.get_texts() if legend else ())]
        for text in texts:
            if not (text.get_text().strip() and text.get_visible()):
                continue
            box = text.get_window_extent(renderer)
            inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1
            assert inside, f"{text.get_text()!r} is cut off"
        for axis in (ax.xaxis, ax.yaxis):
            _check_apart(_shown(axis), renderer)


def _shown(axis) -> list:
    """Tick labels that lie within the axis; matplotlib keeps others beyond its ends, which it does not draw."""
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * (high - low)
    pairs = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=False)
    return [label for place, label in pairs if low - slack <= place <= high + slack and label.get_text().strip()]


def _check_apart(labels: list, renderer) -> None:
    # Turned labels have boxes that overlap although the words do not.
    upright = [label for label in labels if label.get_rotation() % 90 == 0]
    boxes = [label.get_window_extent(renderer) for label in upright]
    for label, box, following in zip(upright, boxes, boxes[1:], strict=False):
        assert not box.overlaps(following), f"the tick label {label.get_text()!r} lies upon the next"
