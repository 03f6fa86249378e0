"""Markup: HTML from notebooks made safe to put on a page that must work offline and hold nobody's id."""

from __future__ import annotations

import re
from collections.abc import Callable

from bs4 import BeautifulSoup, Comment, Tag
from markupsafe import Markup

CUSTOMER_ID = re.compile(r"\b(customer|person|respondent)[_ ]id\b", re.IGNORECASE)
"""The columns whose values name a single person."""

# What may stand on a page. Scripts, styles and frames go whole; of other tags the text stays.
_VANISHING = ("script", "style", "iframe", "object", "embed", "template", "noscript", "head", "link", "meta", "base")
_DRAWN = ("circle", "ellipse", "g", "line", "path", "polygon", "polyline", "rect", "text")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "del", "details", "div", "dl"),
    *("dt", "em", "figcaption", "figure", "hr", "i", "img", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "section"),
    *("small", "span", "strong", "sub", "summary", "sup", "svg", "table", "tbody", "td", "tfoot", "th", "thead", "tr"),
    *("u", "ul", "var"),
    *_HEADINGS,
    *_DRAWN,
}
_ANYWHERE = {"class", "title", "lang"}
_SHAPE = {
    *("d", "points", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "width", "height", "transform"),
    *("fill", "stroke", "stroke-width", "text-anchor"),
}
_ATTRIBUTES = {
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
    "details": {"open"},
    "svg": {"viewbox", "width", "height", "style", "role", "aria-label"},
    **{tag: {"id"} for tag in _HEADINGS},
    **dict.fromkeys(_DRAWN, _SHAPE),
}
_BASELINE = re.compile(r"vertical-align:-?[\d.]+em")
_EMBEDDED_PICTURE = re.compile(r"data:image/(png|jpeg|gif);")


def clean(html: str, *, link: Callable[[str], str | None]) -> Markup:
    """Keep of a piece of HTML what a page may show.

    Tags and attributes not on a short list are dropped, scripts, styles and frames with all they hold. Pictures stay
    if they are embedded; of others the alternative text stays. A table with a column of customer ids becomes a note.

    Parameters
    ----------
    html : str
        Rendered Markdown, or the HTML output of a cell.
    link : callable
        Takes the address of a link and returns the one to use, or None if the link shall become plain text.

    Returns
    -------
    Markup
        Balanced HTML without scripts, styles, event handlers or references beyond those that `link` allowed.
    """
    soup = BeautifulSoup(html, "html.parser")
    for gone in soup.find_all(_VANISHING):
        gone.decompose()
    for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    for found in soup.find_all("table"):
        if any(CUSTOMER_ID.fullmatch(head.get_text().strip()) for head in found.select("thead th")):
            note = soup.new_tag("p", attrs={"class": "crm-note"})
            note.string = "A table with one row per customer is not shown on this page."
            found.replace_with(note)
    for tag in soup.find_all(True):
        if tag.name in _TAGS:
            _strip(tag)
        else:
            tag.unwrap()
    for anchor in soup.find_all("a"):
        target = link(str(anchor.attrs.get("href", "")))
        if target is None:
            anchor.unwrap()
        else:
            anchor.attrs["href"] = target
    for image in soup.find_all("img"):
        image.attrs.setdefault("alt", "")
        if not _EMBEDDED_PICTURE.match(str(image.attrs.get("src", ""))):
            image.replace_with(f"[picture: {image.attrs['alt']}]" if image.attrs["alt"] else "")
    return Markup(str(soup))


def _strip(tag: Tag) -> None:
    if tag.name in ("td", "th") and "right" in str(tag.attrs.get("style", "")):
        tag.attrs["class"] = "num"  # how a Markdown table says that its column holds numbers
    allowed = _ANYWHERE | _ATTRIBUTES.get(tag.name, set())
    tag.attrs = {name: value for name, value in tag.attrs.items() if name in allowed}
    if "style" in tag.attrs and not _BASELINE.fullmatch(str(tag.attrs["style"])):
        del tag.attrs["style"]
