"""How pictures look: seaborn theme, palette, fonts that can write Chinese, and alternative text in the output."""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#22303c"
MUTED = "#6b7c8c"
GRID = "#e3e8ec"
ACCENT = "#c8553d"
PALETTE = ("#1f5f7a", "#e09f3e", "#5b8e7d", "#c8553d", "#7a6c9e", "#3d9bb8", "#a3b18a", "#8c5e58", "#d4a5a5", "#4a5759")
"""Ten colours that stay apart for the colour-blind in this order; the first is the one to use alone."""

EMPTY = "Empty picture"
"""How the alternative text of a picture begins that shows nothing, see `nothing`."""

# First the font of the page, then those that hold Chinese on Linux, macOS and Windows.
_FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
)


def settings() -> Any:
    """Return the matplotlib settings of the house: fonts, colours, sizes."""
    from cycler import cycler
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return {
        "font.family": [name for name in _FONTS if name in installed],
        "font.size": 10.5,
        "axes.prop_cycle": cycler(color=list(PALETTE)),
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.titlesize": 12.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 12.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": False,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "legend.frameon": False,
        "figure.figsize": (8.0, 4.6),
        "figure.dpi": 110,
        "figure.constrained_layout.use": True,
        "savefig.dpi": 110,
    }


def use() -> None:
    """Set the house style for this session and make notebooks keep each figure's alternative text.

    A figure's text is its label (``fig.set_label("...")``); the pictures of `crm_analysis` all have one.
    """
    import matplotlib.pyplot as plt
    import seaborn as sns
    from matplotlib.figure import Figure

    sns.set_theme(style="white", rc=settings())
    shell = _shell()
    if shell is not None:
        plt.switch_backend("module://matplotlib_inline.backend_inline")
        shell.display_formatter.formatters["image/png"].for_type(Figure, png)


def axes(ax: Axes | None, *, width: float = 8.0, height: float = 4.6) -> Axes:
    """Return `ax`, or the axes of a new figure of the given size in inches."""
    import matplotlib.pyplot as plt

    if ax is not None:
        return ax
    with plt.rc_context(settings()):
        return plt.subplots(figsize=(width, height), layout="constrained")[1]


def describe(ax: Axes, text: str) -> Axes:
    """Give the figure of `ax` its alternative text, what a reader who cannot see it should know; return `ax`."""
    figure = ax.get_figure(root=True)
    if figure is not None:
        figure.set_label(text)
    return ax


def nothing(ax: Axes | None, *, title: str, why: str) -> Axes:
    """Draw an honest empty picture: a title, and the sentence that says why there is nothing to see."""
    ax = axes(ax, height=2.4)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_title(title)
    ax.text(0.5, 0.5, textwrap.fill(why, 70), ha="center", va="center", color=MUTED, transform=ax.transAxes)
    return describe(ax, f"{EMPTY}, {title}: {why}")


def png(figure: Figure) -> tuple[bytes, dict[str, str]]:
    """Draw a figure as PNG bytes together with its alternative text as metadata."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", facecolor="white", metadata={"Software": None})
    return buffer.getvalue(), {"alt": str(figure.get_label())}


def _shell() -> Any:
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    shell = get_ipython()
    return shell if getattr(shell, "kernel", None) is not None else None
