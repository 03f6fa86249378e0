"""The site: pages that open offline from any folder, say everything once, and let nothing through that could bite."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from crm_analysis.errors import UsageError
from crm_analysis.reporting import site
from crm_analysis.result import RESULTS_FILE

HOSTILE = "<script>alert(1)</script>"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

OPENING = """# Who are our customers?

You will see who buys, how often, and how much; you will learn how to read a heat map.
Needs: transactions   Uses: customers, survey"""

TOY = '''
from dataclasses import dataclass
import pandas as pd
from crm_analysis import style
from crm_analysis.result import Result, record

style.use()

@dataclass(frozen=True, eq=False, repr=False)
class ToyResult(Result):
    """Shares by segment, and one row per customer, which no page may show."""
    segments: pd.DataFrame
    customers: pd.DataFrame
    title = "Recency, frequency, monetary value"
    shown = {"segments": "Segments"}

    def to_frame(self):
        return self.customers.copy()

    def frames(self):
        return {"customers": self.to_frame(), "segments": self.segments.copy()}

    def findings(self):
        return (
            "流失风险 is highest among <script>alert(1)</script> customers.",
            "Champions are 12.4 % of the customers (95 % 11.2-13.7) and bring 48.1 % of the revenue (44.0-52.3).",
            "Median time since the last purchase is 63 days (95 % 58-69).",
            "A fourth sentence that the index leaves to the page.",
        )

    def metrics(self):
        return {"customers": 5000, "champion_share": 0.124, "median_recency_days": 63.0, "undefined": float("nan")}

    def plot(self, ax=None):
        ax = style.axes(ax)
        ax.bar(self.segments["segment"], self.segments["revenue"])
        ax.set_title("Revenue by segment")
        return style.describe(ax, "Revenue by segment: champions bring \\"most\\", the lost almost nothing.")

segments = pd.DataFrame({
    "segment": ["champions 冠军客户", "loyal", "promising", "at risk", "lost <script>alert(1)</script>"],
    "customers": [620, 941, 1104, 1375, 960],
    "customer_share": [0.124, 0.1882, 0.2208, 0.275, 0.192],
    "revenue": [481203.5, 255410.25, 140032.0, 98123.125, 25310.0],
    "recency_days": [12.25, 31.5, 48.125, 190.75, 410.5],
})
prefix = "SEC" + "RET"  # the id itself must not stand in the code, which the page shows
customers = pd.DataFrame({"customer_id": [f"{prefix}{i:04d}" for i in range(300)], "recency_days": range(300)})
found = ToyResult(segments, customers)
'''

METHOD = r"""## Recency, frequency, monetary value

How recently, how often, how much ([Hughes 1994](https://example.org/hughes?a=1&b=2)); see [the limits](#Limits), the
[next notebook](21_next.ipynb), the [skipped one](30_survey.ipynb), [a module](../crm_analysis/style.py) and
[trouble](javascript:alert(1)). The score is $s = \sum_{i=1}^{3} w_i r_i$ with $0 \le w_i \leq 1$, and

$$\hat{\lambda} = \frac{1}{n}\sum_{i=1}^{n} \frac{x_i}{T_i}, \qquad \mathrm{SE} = \sqrt{\hat\lambda / \bar{T}}$$

while $\begin{cases} 1 \\ 0 \end{cases}$ stays as it is written.

| criterion | 中文 | question | weight |
|:--|:--|:--|--:|
| recency | 最近一次消费 | how long ago? | 0.40 |
| frequency | 消费频率 | how often? | 0.35 |
| monetary | 消费金额 | how much? | 0.25 |

![remote](https://example.org/pixel.png) ![local](picture.png) <img src="//example.org/x.png">
<script>alert("prose")</script> <span onclick="alert(1)" style="background:url(https://example.org/b.png)">a span</span>
"""

GOOD = [
    new_markdown_cell(OPENING),
    new_code_cell('bins: int = 5  # classes per dimension\nname: str = ""', metadata={"tags": ["parameters"]}),
    new_code_cell(TOY),
    new_markdown_cell(METHOD),
    new_code_cell('record(found, "rfm")'),
    new_markdown_cell("### How to read it\n\nA dark cell holds many customers."),
    new_code_cell("axes = found.plot()"),
    new_code_cell("found.segments.plot.scatter('recency_days', 'revenue')"),
    new_markdown_cell("## 客户价值 & <em>value</em>\n\nPlain tables work too."),
    new_code_cell("import numpy as np\npd.DataFrame(np.arange(240).reshape(80, 3) / 7, columns=list('abc')).round(3)"),
    new_code_cell("customers.head()"),
    new_code_cell("print(customers.head())"),
    new_code_cell("customers.set_index('customer_id')['recency_days']"),
    new_code_cell(
        "import warnings\nwarnings.warn('small <group>', stacklevel=1)\nprint('printed <text>')\nprint('more')"
    ),
    new_code_cell(
        "from IPython.display import HTML, Markdown, display\n"
        'display(HTML(\'<p>see <a href="https://example.org/tracker">here</a></p><iframe src="https://example.org"></iframe>\'))\n'
        "display({'text/html': '<div></div><script src=\"https://cdn.example.org/plot.js\"></script>',"
        " 'text/plain': 'a plot in words'}, raw=True)\n"
        "display(Markdown('**bold** $x^2$'))"
    ),
    new_markdown_cell("## Limits\n\nNone that a toy would have.\n\n## Limits\n\nThe same heading twice."),
]
BAD = [
    new_markdown_cell("# Whose orders break?\n\nNeeds: transactions"),
    new_code_cell("print('this ran')"),
    new_markdown_cell("## Before\n\nThis is shown."),
    new_code_cell("raise ValueError('<script>alert(1)</script> is no amount')"),
    new_markdown_cell("## After\n\nThis is not."),
    new_code_cell("print('never')"),
    new_code_cell("print('never either')"),
]


def execute(cells: list[Any], folder: Path, name: str) -> None:
    notebook = new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    environment = os.environ | {RESULTS_FILE: str(folder / "results" / f"{name}.json")}
    try:
        NotebookClient(notebook, timeout=60).execute(env=environment)
    except CellExecutionError:
        banner = new_markdown_cell('<a href="#papermill-error-cell">In [2]</a>')
        banner.metadata["tags"] = ["papermill-error-cell-tag"]
        notebook.cells.insert(0, banner)
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / "notebooks" / f"{name}.ipynb")


def record_of(name: str, title: str, status: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "status": status,
        "reason": None,
        "parameters": {"study": "data/demo", "bins": 5, "name": ""},
        "seconds": 3.2,
        "peak_memory_mb": 210.0,
        "started": "2025-11-21T21:16:05+00:00",
        "error": None,
    } | more


def run_json(notebooks: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "run_id": "20251121T211604Z",
        "study": {"name": "bookshop", "title": "Simulated bookshop"},
        "started": "2025-11-21T21:16:04+00:00",
        "finished": "2025-11-21T21:17:40+00:00",
        "seconds": 96.4,
        "complete": not any(notebook["status"] == "failed" for notebook in notebooks),
        "package": {"name": "crm-analysis", "version": "0.1.0", "commit": "0123456789abcdef0123", "modified": True},
        "python": "3.11.7",
        "libraries": {"numpy": "2.4.6", "pandas": "3.1.1"},
        "machine": {"system": "Linux", "release": "6.1", "processor": "x86_64", "cores": 2, "memory_gib": 15.6},
        "threads": {"workers": 2, "blas": 1},
        "study_toml": '[study]\nname = "bookshop"\n',
        "inputs": [
            {
                "table": "transactions",
                "file": "transactions.csv",
                "rows": 61234,
                "sha256": "ab" * 32,
                "bytes": 4_200_000,
                "quarantined": 17,
            },
            {"table": "survey", "file": None, "rows": 1500, "sha256": None, "bytes": None, "quarantined": 0},
        ],
        "parameters": {"bins": 5},
        "notebooks": notebooks,
        "outputs": [],
        "previous": None,
    } | more


def write_run(folder: Path, run: dict[str, Any]) -> Path:
    (folder / "run.json").write_text(json.dumps(run), "utf-8")
    metrics = {
        f"{file.stem}/{result['name']}.{metric}": value
        for file in sorted((folder / "results").glob("*.json"))
        for result in json.loads(file.read_text("utf-8"))["results"]
        for metric, value in result["metrics"].items()
    }
    (folder / "metrics.json").write_text(json.dumps(metrics), "utf-8")
    return site.build(folder)


def write_history(
    folder: Path, values: list[float], *, parameters: dict[str, Any] | None = None, key: str = "20_toy/rfm"
) -> None:
    history = folder.parent / "history"
    history.mkdir(exist_ok=True)
    for month, customers in enumerate(values, start=1):
        metrics = {f"{key}.customers": customers, f"{key}.champion_share": 0.124 - 0.01 * (len(values) - month)}
        old = {
            "run_id": f"2025{month:02d}01T000000Z",
            "started": f"2025-{month:02d}-01T00:00:00+00:00",
            "seconds": 90,
            "metrics": metrics,
            "parameters": {
                "20_toy": parameters if parameters is not None else record_of("20_toy", "", "ok")["parameters"]
            },
        }
        (history / f"{old['run_id']}.json").write_text(json.dumps(old), "utf-8")


FAILURE = {
    "cell": 2,
    "name": "ValueError",
    "message": f"{HOSTILE} is no amount",
    "traceback": f"Traceback\nValueError: {HOSTILE} is no amount",
}
RECORDS = [
    record_of("40_loyalty", "Do feelings become deeds?", "skipped", reason="skipped, needs survey", parameters={}),
    record_of("25_broken", "Whose orders break?", "failed", error=FAILURE),
    record_of("26_dead", "Did it start?", "failed", error={**FAILURE, "name": "DeadKernelError", "message": "gone"}),
    record_of("20_toy", "Who are our customers?", "ok"),
    record_of("21_next", f"Next {HOSTILE}", "ok"),
]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run, its kernels real, built and then moved: nothing may depend on where it was made."""
    built = tmp_path_factory.mktemp("bookshop") / "20251121T211604Z"
    execute(GOOD, built, "20_toy")
    execute(BAD, built, "25_broken")
    notebook = new_notebook(cells=[new_markdown_cell("# A title\n\n[back](20_toy.ipynb#Limits)")])
    nbformat.write(notebook, built / "notebooks" / "21_next.ipynb")
    study = {"name": "bookshop", "title": f"Bookshop {HOSTILE} 书店"}
    write_run(built, run_json(RECORDS, study=study, parameters={"name": HOSTILE}))
    moved = tmp_path_factory.mktemp("mailed") / "a report & more #1"
    shutil.move(built, moved)
    return moved


@pytest.fixture
def small_run(tmp_path: Path, run_folder: Path) -> Path:
    """The results of the toy notebook alone, in a folder of its own that has no history yet."""
    folder = tmp_path / "20251121T211604Z"
    for kind in ("notebooks", "results", "tables"):
        (folder / kind).mkdir(parents=True)
        for file in (run_folder / kind).glob("20_toy*"):
            shutil.copy(file, folder / kind)
    return folder


class Parsed(HTMLParser):
    """A page as a browser would read it: its tags, and whatever was left open or closed twice."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.faults: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(file.read_text("utf-8"))
        self.faults += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data)

    def attributes(self, tag: str, name: str) -> list[str]:
        return [attrs[name] for found, attrs in self.tags if found == tag and name in attrs]

    @property
    def ids(self) -> list[str]:
        return [attrs["id"] for _, attrs in self.tags if "id" in attrs]


def pages_of(folder: Path) -> Iterator[tuple[str, Parsed]]:
    for file in sorted(folder.glob("*.html")):
        yield file.name, Parsed(file)


def text_of(folder: Path, name: str) -> str:
    return (folder / name).read_text("utf-8")


def test_there_is_an_index_and_a_page_for_each_notebook_that_was_run(run_folder: Path) -> None:
    names = [name for name, _ in pages_of(run_folder)]
    assert names == ["20_toy.html", "21_next.html", "25_broken.html", "26_dead.html", "index.html"]


def test_pages_are_balanced_and_name_their_ids_once(run_folder: Path) -> None:
    for name, parsed in pages_of(run_folder):
        assert parsed.faults == [], name
        assert len(parsed.ids) == len(set(parsed.ids)), name


def test_pages_reach_for_nothing_but_their_own_folder(run_folder: Path) -> None:
    remote = re.compile(r"^\s*(\w+:)?//|^\w+:(?!image/(png|jpeg|gif);|,$)")
    for name, parsed in pages_of(run_folder):
        for tag, attrs in parsed.tags:
            assert not any(key.startswith("on") for key in attrs), (name, tag, attrs)
            for key in ("src", "href", "xlink:href", "srcset", "data", "action", "poster"):
                if key in attrs and (tag, key) != ("a", "href"):
                    assert not remote.match(attrs[key]), (name, tag, attrs)
        assert parsed.attributes("script", "src") == []
        assert not {"iframe", "object", "embed", "base"} & {tag for tag, _ in parsed.tags}
        assert not re.search(r"url\(|@import", text_of(run_folder, name))
        addresses = [href for href in parsed.attributes("a", "href") if urlsplit(href).scheme or href.startswith("//")]
        assert addresses == (["https://example.org/hughes?a=1&b=2"] if name == "20_toy.html" else [])


def test_every_relative_link_leads_somewhere(run_folder: Path) -> None:
    ids = {name: parsed.ids for name, parsed in pages_of(run_folder)}
    followed = set()
    for name, parsed in pages_of(run_folder):
        for href in [*parsed.attributes("a", "href"), *parsed.attributes("img", "src")]:
            address = urlsplit(href)
            if address.scheme:
                continue
            target = unquote(address.path) or name
            assert not target.startswith(("/", "..")), (name, href)
            assert (run_folder / target).is_file(), (name, href)
            assert not address.fragment or unquote(address.fragment) in ids[target], (name, href)
            followed.add(target)
    assert {"tables/20_toy.rfm.customers.csv", "notebooks/20_toy.ipynb", "metrics.json", "run.json"} <= followed


def test_links_to_a_page_that_is_not_there_become_plain_text(run_folder: Path) -> None:
    html = text_of(run_folder, "20_toy.html")
    assert 'href="21_next.html">next notebook</a>' in " ".join(html.split())
    assert "the skipped one, a module and\ntrouble." in html


def test_what_data_and_people_write_is_escaped_everywhere(run_folder: Path) -> None:
    for name, parsed in pages_of(run_folder):
        html = text_of(run_folder, name)
        assert "<script>alert" not in html, name
        assert ESCAPED in html, name
        assert all("// Comforts only" in script for script in parsed.texts.get("script", [])), name
    index = text_of(run_folder, "index.html")
    assert f"<h1>Bookshop {ESCAPED} 书店</h1>" in index  # the study's title
    assert f"流失风险 is highest among {ESCAPED} customers." in index  # a finding
    assert f"ValueError: {ESCAPED} is no amount" in index  # an error
    assert f"<code>name={ESCAPED}</code>" in index  # a parameter
    assert f"<td>lost {ESCAPED}</td>" in text_of(run_folder, "20_toy.html")  # a value


def test_rows_of_single_customers_stay_out_of_every_page(run_folder: Path) -> None:
    assert "SECRET0001" in (run_folder / "tables" / "20_toy.rfm.customers.csv").read_text("utf-8")
    for name, _ in pages_of(run_folder):
        assert "SECRET" not in text_of(run_folder, name), name
    html = text_of(run_folder, "20_toy.html")
    assert html.count("A table with one row per customer is not shown on this page.") == 1
    assert html.count("A printed table with one row per customer is not shown on this page.") == 2


def test_pictures_have_their_alternative_text_and_their_size(run_folder: Path) -> None:
    parsed = dict(pages_of(run_folder))
    pictures = [attrs for tag, attrs in parsed["20_toy.html"].tags if tag == "img"]
    assert [(picture["src"], picture["alt"]) for picture in pictures] == [
        ("figures/20_toy-1.png", 'Revenue by segment: champions bring "most", the lost almost nothing.'),
        ("figures/20_toy-2.png", "Figure 2; it has no description."),
    ]
    assert all(int(picture["width"]) > 300 and int(picture["height"]) > 200 for picture in pictures)
    assert parsed["index.html"].attributes("img", "src") == ["figures/20_toy-1.png"]
    notebook = nbformat.read(run_folder / "notebooks" / "20_toy.ipynb", as_version=4)
    drawn = [
        out.data["image/png"]
        for cell in notebook.cells
        for out in cell.get("outputs", [])
        if "image/png" in out.get("data", {})
    ]
    assert (run_folder / "figures" / "20_toy-1.png").read_bytes() == base64.b64decode(drawn[0])


def test_the_contents_list_the_headings_in_their_order(run_folder: Path) -> None:
    html = text_of(run_folder, "20_toy.html")
    listed = re.findall(r'<li class="level-(\d)"><a href="#([^"]*)">([^<]*)</a>', html)
    assert listed == [
        ("2", "Recency%2C-frequency%2C-monetary-value", "Recency, frequency, monetary value"),
        ("3", "How-to-read-it", "How to read it"),
        ("2", "%E5%AE%A2%E6%88%B7%E4%BB%B7%E5%80%BC-%26-value", "客户价值 &amp; value"),
        ("2", "Limits", "Limits"),
        ("2", "Limits-2", "Limits"),
    ]
    body = html[html.index('<div class="body">') : html.index('<footer class="provenance"')]
    assert re.findall(r'<h\d id="([^"]*)"', body) == [unquote(anchor).replace("&", "&amp;") for _, anchor, _ in listed]
    assert html.count("<h1>") == 1
    assert "<b>Needs</b> transactions</span>" in html
    assert "<b>Also uses</b> customers, survey</span>" in html


def test_code_is_folded_and_whole(run_folder: Path) -> None:
    html = text_of(run_folder, "20_toy.html")
    boxes = re.findall(r'<details class="code">(.*?)</details>', html, re.DOTALL)
    shown = [re.sub(r"<[^>]*>", "", box.replace("<summary>Code</summary>", "")) for box in boxes]
    sources = [cell.source.strip() for cell in GOOD if cell.cell_type == "code"]
    assert [unescape(box).strip() for box in shown] == sources


def test_outputs_are_shown_for_what_they_are(run_folder: Path) -> None:
    html = text_of(run_folder, "20_toy.html")
    assert '<pre class="output" tabindex="0">printed &lt;text&gt;\nmore</pre>' in html
    message = re.search(
        r'<details class="message"><summary>Warnings and messages</summary><pre>(.*?)</pre>', html, re.DOTALL
    )
    assert message is not None
    assert "UserWarning: small &lt;group&gt;" in message[1]
    assert "&lt;Axes" not in html
    assert "a plot in words" in html  # its HTML would have needed a script
    assert "<p>see here</p>" in html  # an address in an output is not a source
    assert re.search(r'<span class="math display"><svg [^>]*style="vertical-align:-[\d.]+em"[^>]*><path d="M', html)
    assert '<td class="num">0.40</td>' in html  # a column of numbers in a Markdown table


def test_a_failed_notebook_shows_what_ran_and_the_error(run_folder: Path) -> None:
    html = text_of(run_folder, "25_broken.html")
    assert html.index("This notebook failed") < html.index("this ran") < html.index("stopped here")
    assert "The notebook stopped here; 2 further code cells did not run." in html
    assert "This is not." not in html
    assert 'href="#After"' not in html
    assert "papermill" not in html
    assert html.count(f'<p class="error-name">ValueError: {ESCAPED} is no amount</p>') == 2
    assert "\x1b" not in html
    dead = text_of(run_folder, "26_dead.html")
    assert "DeadKernelError: gone" in dead
    assert "It stopped before its first cell." in dead


def test_a_cell_that_did_not_finish_ends_the_page(small_run: Path) -> None:
    cells = [new_code_cell("1 + 1", execution_count=1), new_code_cell("sleep(9999)"), new_code_cell("2 + 2")]
    nbformat.write(new_notebook(cells=cells), small_run / "notebooks" / "30_slow.ipynb")
    error = {"cell": None, "name": "CellTimeoutError", "message": "a cell ran longer than 5 s", "traceback": ""}
    write_run(small_run, run_json([record_of("30_slow", "Slow", "failed", error=error)]))
    html = text_of(small_run, "30_slow.html")
    assert '<p class="error">This cell did not finish.</p>' in html
    assert "The notebook stopped here; 1 further code cell did not run." in html
    assert "CellTimeoutError: a cell ran longer than 5 s" in html


def test_a_failed_page_ends_at_the_cell_that_the_run_names(small_run: Path) -> None:
    # A kernel that dies leaves a count on the cell that killed it; only the runner knows.
    cells = [new_code_cell("a = 1", execution_count=1), new_code_cell("die()", execution_count=2), new_code_cell("b")]
    nbformat.write(new_notebook(cells=cells), small_run / "notebooks" / "30_dies.ipynb")
    error = {"cell": 2, "name": "DeadKernelError", "message": "the kernel died", "traceback": ""}
    write_run(small_run, run_json([record_of("30_dies", "Dies", "failed", error=error)]))
    html = text_of(small_run, "30_dies.html")
    assert html.index("die") < html.index("This cell did not finish.") < html.index("1 further code cell did not run.")


def test_the_index_puts_failures_first_and_says_what_was_skipped_and_why(run_folder: Path) -> None:
    html = text_of(run_folder, "index.html")
    assert "2 notebooks done, <strong>2 failed</strong>, 1 skipped · 1 min 36 s" in html
    assert "2 notebooks failed; this report is not complete" in html
    assert html.index("this report is not complete") < html.index('<article class="card">')
    assert "<li><b>Do feelings become deeds?</b> <span>skipped, needs survey</span></li>" in html


def test_the_index_repeats_headlines_only(run_folder: Path) -> None:
    html = text_of(run_folder, "index.html")
    title = "<b>Recency, frequency, monetary value.</b>"
    assert f"<li>{title} 流失风险 is highest among {ESCAPED} customers.</li>" in html
    assert "A fourth sentence" not in html


def test_a_title_that_asks_gets_no_second_stop(small_run: Path) -> None:
    file = small_run / "results" / "20_toy.json"
    file.write_text(file.read_text("utf-8").replace("Recency, frequency, monetary value", "Who are they?"), "utf-8")
    write_run(small_run, run_json([record_of("20_toy", "Toy", "ok")]))
    assert "<b>Who are they?</b> 流失风险" in text_of(small_run, "index.html")


@pytest.mark.parametrize("tagged", [False, True])
def test_an_empty_picture_is_no_cover(tmp_path: Path, tagged: bool) -> None:
    empty = "from crm_analysis import style\nstyle.use()\naxes = style.nothing(None, title='Curve', why='No data.')"
    drawn = "axes = style.describe(style.axes(None), 'A curve.')"
    code = new_code_cell(empty, metadata={"tags": ["cover"] if tagged else []})
    execute([new_markdown_cell("# Toy"), code, new_code_cell(drawn)], tmp_path, "20_toy")
    write_run(tmp_path, run_json([record_of("20_toy", "Toy", "ok")]))
    html = text_of(tmp_path, "index.html")
    assert 'href="20_toy.html#figure-2"' in html
    assert "Empty picture" not in html
    assert "Empty picture, Curve: No data." in text_of(tmp_path, "20_toy.html")


def test_a_finding_that_two_notebooks_share_is_said_once(small_run: Path) -> None:
    for kind in ("notebooks", "results"):
        file = next((small_run / kind).glob("20_toy.*"))
        shutil.copy(file, file.with_name(file.name.replace("20_toy", "21_again")))
    write_run(small_run, run_json([record_of("20_toy", "Toy", "ok"), record_of("21_again", "Again", "ok")]))
    html = text_of(small_run, "index.html")
    assert html.count(f"流失风险 is highest among {ESCAPED} customers.") == 1


def test_provenance_is_on_every_page(run_folder: Path) -> None:
    for name, _ in pages_of(run_folder):
        html = " ".join(text_of(run_folder, name).split())
        assert "<dt>Run</dt><dd>20251121T211604Z</dd>" in html
        assert "<dt>Started</dt><dd>21 November 2025, 21:16 UTC, 1 min 36 s</dd>" in html
        assert "crm-analysis 0.1.0, commit <code>0123456789ab</code> with uncommitted changes" in html
        assert '<td>transactions.csv</td><td class="num">61,234</td><td class="num">17</td>' in html
        assert f'<code title="{"ab" * 32}">abababababab</code>' in html
        assert "<span>pandas 3.1.1</span>" in html


def test_without_history_there_are_no_trends(small_run: Path) -> None:
    write_run(small_run, run_json([record_of("20_toy", "Toy", "ok")]))
    html = text_of(small_run, "index.html")
    assert "Since the last run" not in html
    assert "<svg" not in html


def test_one_earlier_run_gives_changes_but_no_line(small_run: Path) -> None:
    write_history(small_run, [4900])
    write_run(small_run, run_json([record_of("20_toy", "Toy", "ok")]))
    html = text_of(small_run, "index.html")
    assert "Beside the last complete run with the same parameters;" in html
    assert "the latest complete run is of 1 January 2025, 00:00 UTC." in html
    assert '<td class="num">5,000</td><td class="num">4,900</td><td class="num">+100 (+2.0 %)</td>' in html
    assert '<td class="num">12.4 %</td><td class="num">12.4 %</td><td class="num quiet">unchanged</td>' in html
    assert "<svg" not in html
    assert "median recency" not in html[html.index("Since the last run") :]  # the earlier run did not have it


def test_runs_with_other_parameters_are_no_yardstick(small_run: Path) -> None:
    write_history(small_run, [4700, 4900], parameters={"bins": 9})
    write_run(small_run, run_json([record_of("20_toy", "Toy", "ok")]))
    assert "Since the last run" not in text_of(small_run, "index.html")


def test_three_runs_give_a_line_and_later_runs_do_not_count(small_run: Path) -> None:
    write_history(small_run, [4700, 5600, *[9999] * 10])  # the twelfth month lies after this run
    write_run(small_run, run_json([record_of("20_toy", "Toy", "ok")], run_id="20250215T000000Z"))
    html = text_of(small_run, "index.html")
    assert 'aria-label="last 3 runs: 4,700, 5,600, 5,000"' in html
    assert '<td class="num">−600 (−10.7 %)</td>' in html
    assert '<td class="num">+10.0 points</td>' in html
    assert '<span class="quiet">2 of 2 numbers changed</span>' in html


def test_a_result_that_is_watched_now_is_set_beside_its_numbers_under_either_key(small_run: Path) -> None:
    results = small_run / "results" / "20_toy.json"
    saved = json.loads(results.read_text("utf-8"))
    saved["results"] = [result | {"watched": True} for result in saved["results"]]
    results.write_text(json.dumps(saved), "utf-8")
    for key in ("20_toy/rfm", "rfm"):
        write_history(small_run, [4900], key=key)
        write_run(small_run, run_json([record_of("20_toy", "Toy", "ok")]))
        assert '<td class="num">4,900</td><td class="num">+100 (+2.0 %)</td>' in text_of(small_run, "index.html")


def test_building_twice_gives_the_same_bytes(small_run: Path) -> None:
    run = run_json([record_of("20_toy", "Toy", "ok")])
    assert write_run(small_run, run) == small_run / "index.html"
    first = {file.name: file.read_bytes() for file in small_run.glob("*.html")}
    write_run(small_run, run)
    assert {file.name: file.read_bytes() for file in small_run.glob("*.html")} == first


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        site.build(tmp_path)
    assert str(raised.value) == f"there is no run.json in {tmp_path}; give the folder of a run."


def test_names_that_need_quoting_still_lead_somewhere(small_run: Path) -> None:
    name = "50 值 & 100%#?"
    notebook = new_notebook(
        cells=[new_code_cell("x", outputs=[new_output("display_data", {"image/svg+xml": "<svg/>"})])]
    )
    nbformat.write(notebook, small_run / "notebooks" / f"{name}.ipynb")
    write_run(small_run, run_json([record_of(name, "Odd", "ok")]))
    for page_name, parsed in pages_of(small_run):
        for href in [*parsed.attributes("a", "href"), *parsed.attributes("img", "src")]:
            assert (small_run / (unquote(urlsplit(href).path) or page_name)).is_file(), href


def test_text_is_readable_on_its_ground(run_folder: Path) -> None:
    css = text_of(run_folder, "index.html")
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", css))
    for name in ("ink", "main", "soft", "alarm"):
        assert contrast(colours[name], "#ffffff") >= 4.5, name
        assert contrast(colours[name], colours["wash"]) >= 4.5, name
    for colour in re.findall(r"\.highlight[^{]*\{ color: (#[0-9a-f]{6})", css):
        assert contrast(colour, colours["wash"]) >= 4.5, colour


def test_pages_can_be_read_without_seeing_them(run_folder: Path) -> None:
    for name, parsed in pages_of(run_folder):
        tags = [tag for tag, _ in parsed.tags]
        assert parsed.attributes("html", "lang") == ["en"], name
        assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in parsed.tags
        assert (tags.count("main"), tags.count("h1"), tags.count("footer")) == (1, 1, 1), name
        assert parsed.attributes("a", "href")[0] == "#page-content", name
        assert all(alt for alt in parsed.attributes("img", "alt")), name


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
