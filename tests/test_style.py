"""The look: Chinese can be written, pictures carry their alternative text, nobody's settings are changed unasked."""

import io
import struct
import zlib

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from crm_analysis import style


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    plt.close("all")


def test_settings_name_only_fonts_that_are_installed():
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    family = style.settings()["font.family"]
    assert family
    assert set(family) <= installed
    assert family[0] == "DejaVu Sans"


def test_chinese_is_drawn_where_a_font_has_it():
    if style.settings()["font.family"] == ["DejaVu Sans"]:
        pytest.skip("no Chinese font is installed on this machine")
    ax = style.axes(None)
    ax.set_title("顾客满意陷阱")
    # A glyph that no font has is a warning, and warnings are errors here.
    style.png(ax.figure)


def test_settings_are_ones_that_matplotlib_knows():
    with mpl.rc_context(style.settings()):
        assert mpl.rcParams["axes.titlelocation"] == "left"


def test_axes_are_new_or_the_ones_given():
    before = dict(mpl.rcParams)
    new = style.axes(None, width=5, height=2)
    assert tuple(new.figure.get_size_inches()) == (5, 2)
    assert style.axes(new, width=9) is new
    assert tuple(new.figure.get_size_inches()) == (5, 2)
    assert not new.spines["top"].get_visible()
    assert dict(mpl.rcParams) == before


def test_use_sets_the_style_for_the_session():
    with mpl.rc_context():
        style.use()
        assert mpl.rcParams["axes.edgecolor"] == style.MUTED
        assert mpl.rcParams["figure.constrained_layout.use"] is True
        # Outside a notebook the backend stays.
        assert mpl.get_backend().lower() == "agg"


def test_the_palette_has_ten_different_colours():
    assert len({mpl.colors.to_hex(color) for color in style.PALETTE}) == len(style.PALETTE) == 10


def test_a_description_is_the_label_of_the_whole_figure():
    figure = plt.figure()
    inner = figure.subfigures(1, 2)[1].subplots()
    assert style.describe(inner, "Two panels.") is inner
    assert figure.get_label() == "Two panels."


def test_png_has_the_alternative_text_and_no_trace_of_the_version():
    ax = style.axes(None)
    style.describe(ax, "An empty picture.")
    content, metadata = style.png(ax.figure)
    assert metadata == {"alt": "An empty picture."}
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert b"Software" not in content
    assert style.png(ax.figure)[0] == content
    assert _corner(content) == (255, 255, 255)


def _corner(content):
    """First pixel of a PNG, read without matplotlib: its first line is filtered, but its first pixel by nothing."""
    stream, data, channels = io.BytesIO(content[8:]), b"", 0
    while head := stream.read(8):
        length, kind = struct.unpack(">I4s", head)
        body = stream.read(length + 4)[:length]
        if kind == b"IHDR":
            channels = {2: 3, 6: 4}[body[9]]
        data += body if kind == b"IDAT" else b""
    return tuple(zlib.decompress(data)[1 : 1 + channels][:3])


def test_without_a_notebook_there_is_no_shell():
    assert style._shell() is None


def test_an_empty_picture_says_why(legible) -> None:
    ax = style.nothing(None, title="Lorenz curve", why="No customer has a purchase, so there is nothing to draw.")
    assert ax.get_title(loc="left") or ax.get_title()
    assert ax.get_figure().get_label() == (
        "Empty picture, Lorenz curve: No customer has a purchase, so there is nothing to draw."
    )
    legible(ax.get_figure())
    plt.close(ax.get_figure())
