"""Formulas: the TeX between dollar signs as a drawing inside the page, so that no script has to be loaded."""

from __future__ import annotations

import re
from html import escape

# What notebook authors write and matplotlib's mathtext spells differently; sizes of brackets and breaks are left to it.
_SPELLINGS = {
    r"\le": r"\leq",
    r"\ge": r"\geq",
    r"\lt": "<",
    r"\gt": ">",
    r"\lvert": "|",
    r"\rvert": "|",
    r"\lVert": r"\Vert ",
    r"\rVert": r"\Vert ",
    r"\tfrac": r"\frac",
    r"\bm": r"\mathbf",
    r"\textbf": r"\mathbf",
    r"\textit": r"\mathit",
    r"\implies": r"\Rightarrow",
    r"\iff": r"\Leftrightarrow",
    r"\land": r"\wedge",
    r"\lor": r"\vee",
    r"\coloneqq": ":=",
    r"\operatorname*": r"\operatorname",
} | dict.fromkeys(
    (r"\displaystyle", r"\limits", r"\nonumber", r"\big", r"\Big", r"\bigl", r"\bigr", r"\Bigl", r"\Bigr"), ""
)
_COMMAND = re.compile(r"\\[A-Za-z]+\*?")
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\{(?:equation|align|aligned|gather|gathered|split)\*?\}")
_ROWS = re.compile(r"\\\\(?:\[[^\]]*\])?")
_BEYOND_LATIN_AND_GREEK = re.compile("[\u2e80-\uffff]")  # Chinese has no glyphs in the mathematical fonts
_STROKES = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
_EM = 100.0
"""Units of the drawing in one em of the surrounding text."""


def to_html(tex: str, *, display: bool = False) -> str:
    """Write a formula as HTML: an inline SVG in the colour and size of the text, read aloud as its TeX.

    The drawing is matplotlib's mathtext, a subset of TeX. ``align``-like environments are drawn row by row. What
    mathtext cannot draw (``cases``, matrices, Chinese inside a formula) is shown as its source, never lost.

    Parameters
    ----------
    tex : str
        The formula without its dollar signs.
    display : bool
        Whether it stands on its own line.

    Returns
    -------
    str
        A ``<span class="math">`` or ``<span class="math display">`` with one ``<svg>`` a row, or ``<code>``.
    """
    rows = [row.replace("&", " ").strip() for row in _ROWS.split(_ENVIRONMENT.sub("", tex))]
    try:
        drawn = "<br>".join(_svg(row.replace(r"\frac", r"\dfrac") if display else row) for row in rows if row)
    except ValueError:
        drawn = f"<code>{escape(tex.strip())}</code>"
    return f'<span class="math{" display" if display else ""}">{drawn}</span>'


def _svg(tex: str) -> str:
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path
    from matplotlib.textpath import text_to_path

    if _BEYOND_LATIN_AND_GREEK.search(tex):
        raise ValueError("no glyphs")
    spelled = _COMMAND.sub(lambda found: _SPELLINGS.get(found[0], found[0]), " ".join(tex.split()))
    font, source = FontProperties(size=_EM, math_fontfamily="stix"), f"${spelled}$"
    width, height, depth = text_to_path.get_text_width_height_descent(source, font, ismath=True)
    vertices, codes = text_to_path.get_text_path(font, source, ismath=True)
    outline = Path(vertices, codes)
    strokes = []
    for points, code in outline.iter_segments(simplify=False):
        # SVG counts downwards; whole units (a hundredth of an em) are finer than a screen shows.
        flipped = [round(-value if i % 2 else value) for i, value in enumerate(points)]
        strokes.append(_STROKES[int(code)] + ("" if code == Path.CLOSEPOLY else " ".join(map(str, flipped))))
    margin = 6  # italic letters lean out of their box
    box = f"{-margin} {-(height - depth) - margin:.0f} {width + 2 * margin:.0f} {height + 2 * margin:.0f}"
    return (
        f'<svg role="img" aria-label="{escape(tex)}" viewBox="{box}" width="{(width + 2 * margin) / _EM:.3f}em"'
        f' height="{(height + 2 * margin) / _EM:.3f}em" style="vertical-align:{-(depth + margin) / _EM:.3f}em">'
        f'<path d="{"".join(strokes)}"/></svg>'
    )
