"""Page: one executed notebook read into what a web page shows: prose, folded code, results, figures, headings."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import nbformat
from markupsafe import Markup
from nbconvert.filters import Highlight2HTML, strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from crm_analysis import style
from crm_analysis.reporting import formula, markup

_PICTURES = {"image/png": "png", "image/jpeg": "jpg", "image/svg+xml": "svg"}
_OBJECT_REPR = re.compile(r"<[A-Za-z_][\w.]*[ :][^<]*>")
_NEEDS = re.compile(r"Needs:\s*(?P<needs>.*?)\s*(?:Uses:\s*(?P<uses>.*))?")


@dataclass(frozen=True)
class Heading:
    """A heading of the notebook, as the table of contents lists it."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True)
class Figure:
    """A picture of the notebook: its file beside the page, its number, its alternative text, its size in pixels."""

    file: str
    number: int
    alt: str
    width: int | None
    height: int | None


@dataclass(frozen=True)
class Output:
    """One output of a code cell. `kind`: ``html``, ``text``, ``figure``, ``message``, ``note`` or ``error``."""

    kind: str
    text: str = ""
    html: Markup | None = None
    figure: Figure | None = None
    name: str = ""


@dataclass(frozen=True)
class Cell:
    """A piece of the page: prose, or code with its outputs. `finished` is false where a failed run died."""

    kind: str
    html: Markup
    outputs: tuple[Output, ...] = ()
    finished: bool = True


@dataclass
class Page:
    """What the page of one notebook shows, from top to bottom."""

    title: str = ""
    needs: str = ""
    uses: str = ""
    cells: list[Cell] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    left_out: int = 0
    """Code cells after the one at which a failed notebook stopped."""
    cover: Figure | None = None
    """The picture that stands for the notebook on the index: that of the cell tagged ``cover``, else the first that
    shows something."""


def read(file: Path, *, pages: frozenset[str], failed: bool = False, failed_cell: int | None = None) -> Page:
    """Read an executed notebook and write its pictures beside it.

    Nothing that would reach for the network or run a script survives (see `markup.clean`). Links to other notebooks
    become links to their pages, other relative links become plain text, and so does an address in an output: only
    prose may point to a source. Output with customer ids is replaced by a note: such rows do not belong on a page.

    Parameters
    ----------
    file : Path
        ``<run>/notebooks/<name>.ipynb``; pictures go to ``<run>/figures/<name>-<n>.<type>``.
    pages : frozenset of str
        Names of the notebooks that have a page, which links may point to.
    failed : bool
        Whether the notebook failed: then the page ends at the cell that stopped it.
    failed_cell : int, optional
        Which of the code cells that was, counted from 1; by default the first with an error or without a count.

    Returns
    -------
    Page
        Its parts, as safe HTML where they are `Markup`, to be escaped where they are `str`.
    """
    notebook = nbformat.read(file, as_version=4)
    cells = [cell for cell in notebook.cells if cell.source.strip() and not _is_banner(cell)]
    code = [i for i, cell in enumerate(cells) if cell.cell_type == "code"]
    stop = len(cells)
    if failed and failed_cell and failed_cell <= len(code):
        stop = code[failed_cell - 1]
    elif failed:
        stop = next((i for i in code if cells[i].execution_count is None or _has_error(cells[i])), stop)
    reader = _Reader(Page(left_out=sum(i > stop for i in code)), file, pages)
    # All prose first: a link within the page may point further down.
    shown = [
        (cell, reader.prose(cell.source, cell.get("attachments", {})) if cell.cell_type == "markdown" else "")
        for cell in cells[: stop + 1]
    ]
    for i, (cell, html) in enumerate(shown):
        if cell.cell_type == "markdown":
            reader.page.cells.append(Cell("prose", reader.clean(html, prose=True)))
        elif cell.cell_type == "code":
            before = len(reader.page.figures)
            reader.page.cells.append(reader.code(cell, finished=i != stop or _has_error(cell)))
            drawn = [figure for figure in reader.page.figures[before:] if not figure.alt.startswith(style.EMPTY)]
            if drawn and (reader.page.cover is None or "cover" in cell.metadata.get("tags", ())):
                reader.page.cover = drawn[0]
    return reader.page


def _is_banner(cell: Any) -> bool:
    return "papermill-error-cell-tag" in cell.metadata.get("tags", ())


def _has_error(cell: Any) -> bool:
    return any(output.output_type == "error" for output in cell.outputs)


class _Reader:
    """Carries what the cells of one page share: its anchors, its figures' numbers, the names links may use."""

    def __init__(self, page: Page, file: Path, pages: frozenset[str]) -> None:
        self.page = page
        self.name = file.stem
        self.folder = file.parent.parent
        self.pages = pages
        self.highlight = Highlight2HTML()

    def prose(self, source: str, attachments: dict[str, Any]) -> str:
        return MarkdownWithMath(renderer=_Prose(self.page, attachments)).render(source)

    def code(self, cell: Any, *, finished: bool) -> Cell:
        outputs = tuple(shown for output in _joined(cell.outputs) if (shown := self.output(output)) is not None)
        html = Markup(self.highlight(cell.source.strip("\n")))
        return Cell("code", html, outputs, finished)

    def output(self, output: Any) -> Output | None:
        if output.output_type == "stream":
            text = strip_ansi(output.text).strip("\n")
            return Output("message", text=text) if output.name == "stderr" and text else _words(text)
        if output.output_type == "error":
            message = strip_ansi(output.evalue)
            return Output("error", text=strip_ansi("\n".join(output.traceback)), name=f"{output.ename}: {message}")
        data = output.data
        if "text/html" in data and "<script" not in data["text/html"]:
            return Output("html", html=self.clean(data["text/html"], prose=False))
        for kind, ending in _PICTURES.items():
            if kind in data:
                alt = output.metadata.get(kind, {}).get("alt") or output.metadata.get("alt") or ""
                return Output("figure", figure=self.figure(data[kind], ending, alt))
        if "text/markdown" in data:
            return Output("html", html=self.clean(self.prose(data["text/markdown"], {}), prose=False))
        if "text/latex" in data:
            return Output("html", html=Markup(formula.to_html(data["text/latex"].strip().strip("$"), display=True)))
        text = strip_ansi(data.get("text/plain", "")).strip()
        # `<Axes: ...>` is what a call that draws leaves behind; it tells a reader nothing.
        return None if _OBJECT_REPR.fullmatch(text) else _words(text)

    def figure(self, content: str, ending: str, alt: str) -> Figure:
        number = len(self.page.figures) + 1
        raw = content.encode() if ending == "svg" else base64.b64decode(content)
        file = self.folder / "figures" / f"{self.name}-{number}.{ending}"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(raw)
        # The size is in the header of a PNG; with it the page does not jump while it loads.
        width, height = struct.unpack(">II", raw[16:24]) if raw.startswith(b"\x89PNG") else (None, None)
        shown = Figure(f"figures/{file.name}", number, alt or f"Figure {number}; it has no description.", width, height)
        self.page.figures.append(shown)
        return shown

    def clean(self, html: str, *, prose: bool) -> Markup:
        return markup.clean(html, link=lambda href: self.target(href, prose=prose))

    def target(self, href: str, *, prose: bool) -> str | None:
        """Where a link may lead from this page, or None if nowhere."""
        try:
            address = urlsplit(href)
        except ValueError:
            return None
        if address.scheme or address.netloc:
            return href if prose and address.scheme in ("http", "https", "mailto") else None
        if not address.path:
            anchor = unquote(address.fragment)
            return f"#{quote(anchor)}" if any(heading.anchor == anchor for heading in self.page.headings) else None
        name = unquote(address.path).removeprefix("./").removesuffix(".ipynb")
        return f"{quote(name)}.html" if address.path.endswith(".ipynb") and name in self.pages else None


class _Prose(IPythonRenderer):
    """Markdown as HTML; notes headings, title and needs on the page, and draws formulas."""

    def __init__(self, page: Page, attachments: dict[str, Any]) -> None:
        super().__init__(escape=False, exclude_anchor_links=True, attachments=attachments)
        self.page = page

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        plain = _plain(text)
        if level == 1 and not self.page.title:
            self.page.title = plain
            return ""
        taken = {heading.anchor for heading in self.page.headings}
        anchor = first = "-".join(plain.split()) or "section"  # as JupyterLab names it, so that links work in both
        count = 1
        while anchor in taken:
            count += 1
            anchor = f"{first}-{count}"
        # The page has one title; whatever else calls itself one is a section.
        self.page.headings.append(Heading(max(level, 2), plain, anchor))
        return f'<h{max(level, 2)} id="{escape(anchor)}">{text}</h{max(level, 2)}>\n'

    def paragraph(self, text: str) -> str:
        kept = []
        for line in text.split("\n"):
            found = _NEEDS.fullmatch(_plain(line))
            if found and not self.page.needs:
                self.page.needs, self.page.uses = found["needs"], found["uses"] or ""
            else:
                kept.append(line)
        return str(super().paragraph("\n".join(kept))) if any(kept) else ""

    def block_math(self, body: str) -> str:
        return formula.to_html(body, display=True)

    def inline_math(self, body: str) -> str:
        return formula.to_html(body)

    def latex_environment(self, name: str, body: str) -> str:
        return formula.to_html(f"\\begin{{{name}}}{body}\\end{{{name}}}", display=True)


def _words(text: str) -> Output | None:
    if markup.CUSTOMER_ID.search(text):
        return Output("note", text="A printed table with one row per customer is not shown on this page.")
    return Output("text", text=text) if text else None


def _plain(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html)).strip()


def _joined(outputs: list[Any]) -> Iterator[Any]:
    """Outputs with neighbouring pieces of the same stream put together, as they were printed."""
    waiting = None
    for output in outputs:
        if waiting is not None and output.output_type == "stream" and output.name == waiting.name:
            waiting = nbformat.v4.new_output("stream", name=waiting.name, text=waiting.text + output.text)
            continue
        if waiting is not None:
            yield waiting
        waiting = output if output.output_type == "stream" else None
        if waiting is None:
            yield output
    if waiting is not None:
        yield waiting
