"""The command: it starts fast, its help reads well, its errors are one line, and its last line is the report."""

import inspect
import json
import subprocess
import sys
from dataclasses import replace

import nbformat
import nbformat.v4 as v4
import pytest

import crm_analysis
from crm_analysis import cli

COMMANDS = ("demo", "init", "check", "list", "run")


def write_notebook(path, *cells, needs="transactions"):
    parameters = 'study: str = "data/shop"  # folder of the study\nbins: int = 5  # classes [a-z] per dimension'
    notebook = v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
        cells=[
            v4.new_markdown_cell(f"# Who are they?\n\nNeeds: {needs}   Uses: survey"),
            v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
            *(v4.new_code_cell(source) for source in cells),
        ],
    )
    path.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, path)


@pytest.fixture
def home(tmp_path, monkeypatch):
    study = tmp_path / "data" / "shop"
    study.mkdir(parents=True)
    orders = [f"C{i},2025-0{month}-0{i},{10 * i + month}.50" for month in (1, 2) for i in range(1, 9)]
    (study / "orders.csv").write_text("\n".join(["customer_id,time,amount", *orders]) + "\n", "utf-8")
    (study / "study.toml").write_text(
        '[study]\nname = "shop"\ntitle = "Shop"\n[tables.transactions]\nsource = "orders.csv"\n'
    )
    write_notebook(tmp_path / "books" / "20_good.ipynb", "bins")
    write_notebook(tmp_path / "books" / "30_survey.ipynb", needs="survey")
    write_notebook(tmp_path / "books" / "40_bad.ipynb", "raise ValueError('two\\nlines [bold]')")
    monkeypatch.chdir(tmp_path)
    # The words are what is tested, not where a narrow terminal breaks them.
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


@pytest.fixture
def crm(monkeypatch, capsys):
    """Run the command in this process; give its exit code and what it printed."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["crm-analysis", *arguments])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_help_imports_nothing_slow():
    program = (
        "import sys\nfrom crm_analysis import cli\nsys.argv = ['crm-analysis', '--help']\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    print(*sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "typer" in loaded
    slow = {"pandas", "ibis", "papermill", "matplotlib", "numpy", "nbformat", "jupyter_client", "duckdb", "seaborn"}
    assert slow.isdisjoint(loaded)


def test_alone_it_shows_its_help(crm):
    code, out, err = crm()
    assert (code, err) == (0, "")
    assert out == crm("--help")[1]
    assert "completion" not in out
    assert [line.split()[0] for line in out.partition("Commands:")[2].splitlines()[1:6]] == list(COMMANDS)
    assert "..." not in out.partition("Commands:")[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(crm, command):
    code, out, _ = crm(command, "--help")
    assert code == 0
    assert f"Example:  crm-analysis {command}" in out


def test_version(crm):
    assert crm("--version") == (0, f"crm-analysis {crm_analysis.__version__}\n", "")


@pytest.mark.parametrize("arguments", [("run", "--what"), ("fly",), ("demo",), ("run", "--jobs", "two")])
def test_a_wrong_call_ends_with_2(crm, arguments):
    code, out, err = crm(*arguments)
    assert (code, out) == (2, "")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "nowhere"), "there is no folder nowhere; make a study with: crm-analysis init nowhere FILES."),
        (
            ("run", "data/shop", "--only", "99"),
            "there is no notebook '99'; known are 20_good, 30_survey, 40_bad.",
        ),
        (
            ("run", "data/shop", "-p", "bin=5"),
            "there is no parameter 'bin' in these notebooks; known are bins (int).",
        ),
        (("run", "data/shop", "-p", "bins=x"), "parameter bins must be a whole number (int), got 'x'."),
        (("run", "data/shop", "-p", "bins"), "--param takes name=value, such as bins=4, got 'bins'."),
        (
            ("run", "data/shop", "--only", "20", "30", "40"),
            "run cannot place 30 40: it takes one study, and several notebooks stand with commas and without blanks, "
            "such as --only 20,30,40.",
        ),
        (
            ("run", "--only", "20", "30"),
            "run cannot place 30: it takes one study, and several notebooks stand with commas and without blanks, "
            "such as --only 20,30.",
        ),
        (("run", "data/shop", "--jobs", "0"), "jobs must be 1 or more, got 0."),
    ],
)
def test_errors_are_one_line_with_the_cure(crm, home, arguments, message):
    assert crm(*arguments, "--notebooks", "books") == (2, "", f"crm-analysis: {message}\n")


def test_data_that_break_the_contract_end_with_3(crm, home):
    (home / "data" / "shop" / "orders.csv").write_text("customer_id,time\nC1,2025-01-01\n")
    for command in (("check", "data/shop"), ("run", "data/shop", "--notebooks", "books")):
        code, out, err = crm(*command)
        assert (code, out) == (3, "")
        assert err.startswith("crm-analysis: ")
        assert err.count("\n") == 1
        assert "amount" in err


def test_a_good_run_ends_with_the_path_of_the_report(crm, home):
    code, out, err = crm("run", "data/shop", "--notebooks", "books", "--only", "20,30", "-p", "bins=4")
    assert code == 0
    lines = out.splitlines()
    assert lines[-1] == "reports/shop/latest/index.html"
    assert (home / lines[-1]).is_file()
    assert [line.split()[:2] for line in lines[:-1]] == [
        ["notebook", "status"],
        ["20_good", "ok"],
        ["30_survey", "skipped,"],
    ]
    assert "skipped, needs survey" in lines[2]
    assert err.startswith("1/1  ok      20_good  ")
    record = json.loads((home / "reports/shop/latest/run.json").read_text("utf-8"))
    assert record["notebooks"][0]["parameters"]["bins"] == 4


def test_a_failed_run_ends_with_1_and_shows_where(crm, home):
    code, out, err = crm("run", "data/shop", "--notebooks", "books", "--only", "40", "--out", "a long [b]/" + "x" * 200)
    assert code == 1
    path = out.splitlines()[-1]
    assert path.startswith("a long [b]/" + "x" * 200 + "/shop/2")
    assert (home / path).is_file()
    assert err.splitlines()[-1] == ("crm-analysis: 40_bad failed in code cell 3: ValueError: two lines [bold]")


def test_list_names_needs_and_parameters(crm, home):
    code, out, _ = crm("list", "--notebooks", "books")
    assert code == 0
    assert [line.rstrip() for line in out.splitlines()[:4]] == [
        "20_good  Who are they?",
        "  needs transactions; uses survey",
        "  study    str    'data/shop'    folder of the study",
        "  bins     int    5              classes [a-z] per dimension",
    ]


def test_check_says_what_the_study_holds(crm, home):
    code, out, err = crm("check", "data/shop")
    assert (code, err) == (0, "")
    assert "16 rows" in out


def test_init_writes_a_study_that_check_reads(crm, home):
    (home / "data" / "shop" / "orders.csv").rename(home / "log.csv")
    code, out, err = crm("init", "studies/new", "log.csv")
    assert (code, err) == (0, "")
    assert out == "Wrote studies/new/study.toml\nNext: read it, then: crm-analysis check studies/new\n"
    assert crm("check", "studies/new")[0] == 0


def test_init_says_what_it_was_unsure_of(crm, home):
    (home / "people.csv").write_text("id,colour\nC1,red\nC2,blue\n")
    (home / "log.csv").write_text("customer,day\nC1,2025-01-01\nC1,2025-01-02\n")
    code, out, err = crm("init", "studies/new", "transactions=log.csv", "customers=people.csv")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "Wrote studies/new/study.toml",
        '- customers: customer_id = "id" is unsure: the name may mean something else.',
        "- transactions: no column of log.csv looks like the required amount; fill it in.",
        "Next: fill in what is missing there, then: crm-analysis check studies/new",
    ]
    assert crm("check", "studies/new")[0] == 3
    assert crm("init", "studies/other", "people=people.csv") == (
        2,
        "",
        "crm-analysis: 'people' is no table of the contract; known are customers, transactions, contacts, contracts, "
        "campaigns, survey, kano.\n",
    )


def test_demo_writes_a_study_and_spares_one_s_own(crm, home):
    code, out, _ = crm("demo", "studies/small", "--customers", "60", "--seed", "7")
    assert (code, out) == (0, "A simulated company of 60 customers (seed 7) is in studies/small.\n")
    assert json.loads((home / "studies/small/truth.json").read_text("utf-8"))
    assert crm("demo", "studies/small", "--customers", "60", "--seed", "8")[0] == 0
    assert crm("demo", "data/shop") == (
        2,
        "",
        "crm-analysis: data/shop holds a study that was not simulated; choose another folder.\n",
    )


def test_the_demo_s_defaults_are_the_simulation_s():
    from crm_analysis.study import simulate

    there = inspect.signature(simulate.company).parameters
    here = inspect.signature(cli.demo).parameters
    assert {name: here[name].default for name in ("customers", "seed")} == {
        name: there[name].default for name in ("customers", "seed")
    }


SPEAKS = """
from dataclasses import dataclass
import pandas as pd
from crm_analysis.result import Result, record

@dataclass(frozen=True, eq=False, repr=False)
class GroupsResult(Result):
    title = "Groups"

    def to_frame(self):
        return pd.DataFrame({"customers": [1]})

    def findings(self):
        return (f"The answers have no column {by!r}, so there are no groups.", "There is no column 'plan' here.")

    def metrics(self):
        return {}

record(GroupsResult(), "groups")
"""


def test_a_parameter_that_names_no_column_is_pointed_out(crm, home):
    notebook = home / "books" / "50_groups.ipynb"
    write_notebook(notebook, SPEAKS)
    bins = "bins: int = 5"
    assert bins in notebook.read_text("utf-8")
    notebook.write_text(notebook.read_text("utf-8").replace(bins, f'by: str = \\"market\\"\\n{bins}'), "utf-8")
    said = "crm-analysis: 50_groups: The answers have no column 'hotell', so there are no groups.\n"
    for given, expected in (("by=hotell", said), ("bins=4", "")):
        code, _, err = crm("run", "data/shop", "--notebooks", "books", "--only", "50", "-p", given)
        assert (code, err.partition("\n")[2]) == (0, expected)


def test_check_lists_the_constructs_of_a_survey(crm, home):
    (home / "data" / "shop" / "answers.csv").write_text("respondent_id,Q1,Q2\nr1,1,2\nr2,,3\nr3,2,2\n")
    toml = home / "data" / "shop" / "study.toml"
    toml.write_text(
        toml.read_text("utf-8")
        + '[tables.survey]\nsource = "answers.csv"\n[survey.constructs]\nquality = ["Q1", "Q2"]\n'
    )
    code, out, _ = crm("check", "data/shop")
    assert code == 0
    assert out.splitlines()[-3:] == [
        "The survey's constructs",
        "- No model is named; for the notebooks on satisfaction add [survey] model or [survey.paths] to study.toml.",
        "- Construct quality: 2 items, 16.7 % of the answers missing.",
    ]


ALARM = """
import pandas as pd
from crm_analysis.result import Result, record

class Alarm(Result):
    title = "Alarm"
    def to_frame(self):
        return pd.DataFrame({"x": [1]})
    def findings(self):
        return ("Something moved.",)
    def metrics(self):
        return {"alerts": 2}

record(Alarm(), "drift", watched=True)
"""


def test_an_alert_fails_a_run_only_where_that_is_asked(crm, home, monkeypatch):
    from crm_analysis.reporting import runner

    write_notebook(home / "watch" / "60_watch.ipynb", ALARM)
    run, outcomes = runner.run, []
    monkeypatch.setattr(runner, "run", lambda *given, **named: outcomes.append(run(*given, **named)) or outcomes[-1])
    asked = ("run", "data/shop", "--notebooks", "watch", "--out", "reports", "--jobs", "1")
    ended, out, err = crm(*asked, "--fail-on-alert")
    assert ended == 4
    assert "crm-analysis: 2 alerts in 60_watch/drift" in err.splitlines()
    # The report is complete all the same: it is the one that says what moved.
    assert (home / "reports" / "shop" / "latest" / "index.html").exists()
    assert out.splitlines()[-1] == "reports/shop/latest/index.html"
    metrics = json.loads((home / "reports" / "shop" / "latest" / "metrics.json").read_text("utf-8"))
    assert metrics == {"drift.alerts": 2}
    # What else a run may end with is told of the same outcome: running again would only take time.
    told = [
        (outcomes[0], (), "crm-analysis: 2 alerts in 60_watch/drift\n"),
        (replace(outcomes[0], alerts=()), ("--fail-on-alert",), ""),
        (replace(outcomes[0], alerts=(), contested=("Both watch it.",)), (), "crm-analysis: Both watch it.\n"),
    ]
    for outcome, options, said in told:
        monkeypatch.setattr(runner, "run", lambda *_given, outcome=outcome, **_named: outcome)
        code, _, err = crm(*asked, *options)
        assert (code, err) == (0, said)
