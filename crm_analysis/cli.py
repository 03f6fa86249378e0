"""The crm-analysis command. Whatever is slow to import is imported by the command that needs it."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

import crm_analysis
from crm_analysis.errors import CrmError, UsageError

if TYPE_CHECKING:
    from crm_analysis.reporting.catalog import Notebook
    from crm_analysis.reporting.runner import NotebookRun, Progress
    from crm_analysis.result import Result

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)

StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="Folder that holds study.toml.")]
NotebookFolder = Annotated[
    Path | None, typer.Option("--notebooks", metavar="FOLDER", help="Another folder of notebooks.", show_default=False)
]
_STATUS_STYLE = {"ok": "green", "failed": "bold red", "skipped": "dim"}


def main() -> None:
    """Run the command; an error that is meant for the user becomes one line on stderr and its exit code."""
    try:
        app()
    except CrmError as error:
        print(f"crm-analysis: {str(error).replace(chr(10), ' ')}", file=sys.stderr)
        sys.exit(error.exit_code)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"crm-analysis {crm_analysis.__version__}")
        raise typer.Exit


@app.callback(
    invoke_without_command=True,
    epilog="Begin with:  crm-analysis demo data/demo   and then   crm-analysis run data/demo",
)
def crm(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Who are our customers, what do they feel, will they stay: raw tables in, a report out."""
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command(epilog="Example:  crm-analysis demo studies/big --customers 20000 --seed 7")
def demo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the study is written.")],
    customers: Annotated[int, typer.Option(metavar="N", help="How many customers.")] = 5000,
    seed: Annotated[int, typer.Option(metavar="S", help="The same seed gives the same company.")] = 20250630,
) -> None:
    """Simulate a bookshop whose truth is known, to try things on."""
    if (folder / "study.toml").exists() and not (folder / "truth.json").exists():
        raise UsageError(f"{folder} holds a study that was not simulated; choose another folder.")
    from crm_analysis.study import simulate

    written = simulate.company(customers=customers, seed=seed).write(folder)
    print(f"A simulated company of {customers:,} customers (seed {seed}) is in {written}.")


@app.command(
    epilog="Example:  crm-analysis init studies/shop orders.csv customers=people.xlsx   or   "
    "crm-analysis init studies/cdnow CDNOW_master.txt --preset cdnow"
)
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the study.toml is written.")],
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILES...", help="The raw tables, or TABLE=FILE; they stay where they are."),
    ],
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="The mapping of a well-known data set.", show_default=False)
    ] = None,
) -> None:
    """Make a study of your own files.

    Which table each file is and which column is what is proposed from names and contents; what is unsure is said.
    """
    from crm_analysis.study import initialise

    written = initialise(folder, files, preset=preset)
    print(f"Wrote {written.file}")
    for note in written.notes:
        print(f"- {note}")
    first = "read it" if written.complete else "fill in what is missing there"
    print(f"Next: {first}, then: crm-analysis check {folder}")


@app.command(epilog="Example:  crm-analysis check studies/cdnow")
def check(study: StudyFolder = Path("data/demo")) -> None:
    """Say what a study holds and which rows break the contract."""
    from crm_analysis.study import Study, answers

    opened = Study.open(study)
    checked = opened.check()
    for result in (opened.card(), checked):
        _say(result)
    for sentence in checked.sentences:
        print(f"- {sentence}")
    if "survey" in opened.tables:
        _say(answers.describe(opened.frame("survey"), survey=opened.config.survey))


@app.command("list", epilog="Example:  crm-analysis list")
def list_notebooks(notebooks: NotebookFolder = None) -> None:
    """List the notebooks, what they need and their parameters."""
    from crm_analysis.reporting import catalog

    console = Console(highlight=False)
    for notebook in catalog.read(notebooks):
        _describe(notebook, console)


@app.command(
    epilog="Example:  crm-analysis run studies/cdnow --only 20,21 -p bins=4",
    # So that what is too much can be answered with the cure.
    context_settings={"allow_extra_args": True},
)
def run(
    context: typer.Context,
    study: StudyFolder = Path("data/demo"),
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMES", help="Run only these notebooks: names, numbers or patterns, such as 20,3*."),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="Set a parameter (see list); may be repeated."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", metavar="N", help="Notebooks at a time; by default one per core."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the reports of all studies are.")] = Path(
        "reports"
    ),
    timeout: Annotated[int, typer.Option(metavar="SECONDS", help="The longest that one cell may take.")] = 1800,
    notebooks: NotebookFolder = None,
    fail_on_alert: Annotated[
        bool, typer.Option("--fail-on-alert", help="Exit with code 4 if a result of the report raises an alert.")
    ] = False,
) -> None:
    """Run the notebooks on a study and build the report."""
    # "--only 30 31 32" makes the second name the study.
    first = [str(study)] if only and str(study)[:1].isdigit() and not study.exists() else []
    if surplus := [*first, *context.args]:
        names = ",".join([*(only or ["30"]), *surplus])
        raise UsageError(
            f"run cannot place {' '.join(surplus)}: it takes one study, and several notebooks stand with commas and "
            f"without blanks, such as --only {names}."
        )
    with _interruption_told(), _progress() as progress:
        from crm_analysis.reporting import runner

        outcome = runner.run(
            study,
            only=[name for given in only or () for name in given.split(",")],
            parameters=dict(_split(given) for given in param or ()),
            jobs=jobs,
            out=out,
            notebooks=notebooks,
            timeout=timeout,
            progress=progress,
        )
    _close(outcome.notebooks)
    for sentence in _unheard(outcome.folder, [_split(given)[1] for given in param or ()]):
        print(f"crm-analysis: {sentence}", file=sys.stderr)
    for failed in (notebook for notebook in outcome.notebooks if notebook.error):
        print(f"crm-analysis: {failed.name} failed{_where(failed)}", file=sys.stderr)
    for name, alerts in outcome.alerts:
        print(f"crm-analysis: {alerts} {'alert' if alerts == 1 else 'alerts'} in {name}", file=sys.stderr)
    for sentence in outcome.contested:
        print(f"crm-analysis: {sentence}", file=sys.stderr)
    if all(notebook.status == "skipped" for notebook in outcome.notebooks):
        print("crm-analysis: no notebook fits this study's tables; the report is empty.", file=sys.stderr)
    print(outcome.index)
    if not outcome.complete:
        raise typer.Exit(1)
    if fail_on_alert and outcome.alerts:
        raise typer.Exit(4)


def _unheard(folder: Path, values: list[str]) -> Iterator[str]:
    """What results say of a parameter that names a column which is not there: a slip of the pen passes as ok."""
    absent = re.compile(rf"no column '?({'|'.join(map(re.escape, filter(None, values)))})\b")
    for file in sorted((folder / "results").glob("*.json")) if any(values) else ():
        said = (finding for result in json.loads(file.read_text("utf-8"))["results"] for finding in result["findings"])
        yield from (f"{file.stem}: {finding}" for finding in dict.fromkeys(said) if absent.search(finding))


def _split(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals or not name:
        raise UsageError(f"--param takes name=value, such as bins=4, got {given!r}.")
    return name.strip(), value


@contextmanager
def _interruption_told() -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as ended:
        print("crm-analysis: interrupted; the last complete report is as it was.", file=sys.stderr)
        code = ended.code if isinstance(ended, SystemExit) else 128 + signal.SIGINT
        raise SystemExit(code) from None


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None]]:
    """A bar on a terminal, plain lines for a log; both on stderr, so that stdout ends with the report's path."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:

        def line(news: Progress) -> None:
            if news.status != "running":
                print(f"{news.done}/{news.total}  {news.status:<7} {news.name}  {_time(news.seconds)}", file=sys.stderr)

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading the study", total=None)
        running: list[str] = []

        def move(news: Progress) -> None:
            (running.append if news.status == "running" else running.remove)(news.name)
            doing = ", ".join(running) or "building the report"
            bar.update(task, description=escape(doing), completed=news.done, total=news.total)

        yield move


def _close(notebooks: tuple[NotebookRun, ...]) -> None:
    table = Table("notebook", "status", "time", box=None, pad_edge=False, header_style="dim")
    table.columns[-1].justify = "right"
    for notebook in notebooks:
        status = f"{notebook.status}, {notebook.reason}" if notebook.reason else notebook.status
        colour = _STATUS_STYLE[notebook.status]
        table.add_row(escape(notebook.name), f"[{colour}]{escape(status)}[/]", _time(notebook.seconds))
    Console(highlight=False).print(table)


def _where(failed: NotebookRun) -> str:
    error = failed.error or {}
    cell = f" in code cell {error['cell']}" if error["cell"] else ""
    return f"{cell}: {error['name']}: {error['message']}".replace("\n", " ")


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {seconds % 60:.0f} s"


def _say(result: Result) -> None:
    print(result.title)
    for finding in result.findings():
        print(f"- {finding}")


def _describe(notebook: Notebook, console: Console) -> None:
    console.print(f"[bold]{escape(notebook.name)}[/]  {escape(notebook.title)}")
    tables = [f"needs {', '.join(notebook.needs)}"] if notebook.needs else []
    tables += [f"uses {', '.join(notebook.uses)}"] if notebook.uses else []
    if tables:
        console.print(f"  [dim]{escape('; '.join(tables))}[/]")
    parameters = Table(box=None, show_header=False, padding=(0, 2))
    for known in notebook.parameters:
        parameters.add_row(known.name, f"[dim]{known.type}[/]", escape(repr(known.default)), escape(known.help))
    if notebook.parameters:
        console.print(parameters)
    console.print()


if __name__ == "__main__":
    main()
