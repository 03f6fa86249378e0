"""The catalog reads notebooks as they describe themselves, and names the cure for one that does not."""

import re
from pathlib import Path

import pytest

import crm_analysis
from crm_analysis.errors import UsageError
from crm_analysis.reporting import catalog
from crm_analysis.reporting.parameters import Parameter

PARAMETERS = """# what the reader may change
study: str = "data/shop"  # folder that holds study.toml
bins: int = 5  # classes per dimension
share: float = 1  # part of the customers
nested: bool = False
code: str = ""  # empty: none
shift: int = -2
"""


@pytest.fixture
def shelf(tmp_path, make_notebook):
    folder = tmp_path / "books {1} 书"
    make_notebook(folder / "20_segments.ipynb", title="Who are our customers?", parameters=PARAMETERS)
    make_notebook(folder / "30_feelings.ipynb", needs="Needs: survey, kano", parameters="bins: float = 0.5  # width")
    make_notebook(folder / "90_summary.ipynb", needs="", parameters=None)
    make_notebook(folder / "_draft.ipynb", parameters="broken")
    make_notebook(folder / ".ipynb_checkpoints" / "20_segments-checkpoint.ipynb", parameters="broken")
    return folder


def test_one_of_several_tables_will_do(make_notebook, tmp_path):
    make_notebook(tmp_path / "10_view.ipynb", needs="Needs: customers or  transactions, survey   Uses: contacts")
    (view,) = catalog.read(tmp_path)
    assert (view.needs, view.uses) == (("customers or transactions", "survey"), ("contacts",))
    assert view.missing(["customers", "survey"]) == view.missing(["transactions", "survey"]) == ()
    assert view.missing(["contacts"]) == ("customers or transactions", "survey")


def test_reads_title_needs_and_parameters(shelf):
    segments, feelings, summary = catalog.read(shelf)
    assert (segments.name, segments.title) == ("20_segments", "Who are our customers?")
    assert segments.needs == ("transactions",)
    assert segments.uses == ("customers", "survey")
    assert segments.path == shelf / "20_segments.ipynb"
    assert segments.parameters == (
        Parameter("study", "str", "data/shop", "folder that holds study.toml"),
        Parameter("bins", "int", 5, "classes per dimension"),
        Parameter("share", "float", 1.0, "part of the customers"),
        Parameter("nested", "bool", False, ""),
        Parameter("code", "str", "", "empty: none"),
        Parameter("shift", "int", -2, ""),
    )
    assert isinstance(segments.parameters[2].default, float)
    assert (feelings.needs, feelings.uses) == (("survey", "kano"), ())
    assert (summary.needs, summary.parameters) == ((), ())


def test_the_missing_tables_are_those_needed_and_not_there(shelf):
    feelings = catalog.read(shelf)[1]
    assert feelings.missing(("survey", "transactions")) == ("kano",)
    assert feelings.missing(("survey", "kano")) == ()


def test_the_project_s_own_notebooks_are_the_default():
    own = Path(crm_analysis.__file__).parent.parent / "notebooks"
    if not any(own.glob("[!_.]*.ipynb")):
        with pytest.raises(UsageError, match="holds no notebook"):
            catalog.read()
    else:
        assert [notebook.path for notebook in catalog.read()] == sorted(own.glob("[!_.]*.ipynb"))


@pytest.mark.parametrize(
    ("only", "names"),
    [
        ((), ["20_segments", "30_feelings", "90_summary"]),
        (("30_feelings",), ["30_feelings"]),
        (("90", "20"), ["20_segments", "90_summary"]),
        (("*s*",), ["20_segments", "30_feelings", "90_summary"]),
        (("3*", "30"), ["30_feelings"]),
    ],
)
def test_select_by_name_number_or_pattern(shelf, only, names):
    assert [notebook.name for notebook in catalog.select(catalog.read(shelf), only)] == names


@pytest.mark.parametrize("wanted", ["2", "21_segments", "x*"])
def test_an_unknown_notebook_lists_the_known(shelf, wanted):
    with pytest.raises(UsageError) as caught:
        catalog.select(catalog.read(shelf), ["20", wanted])
    assert str(caught.value) == f"there is no notebook '{wanted}'; known are 20_segments, 30_feelings, 90_summary."


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("bins", "7", 7),
        ("bins", "-7", -7),
        ("bins", 7, 7),
        ("share", "0.25", 0.25),
        ("share", "1e-3", 0.001),
        ("share", 2, 2.0),
        ("nested", "true", True),
        ("nested", "No", False),
        ("nested", "1", True),
        ("nested", "0", False),
        ("nested", True, True),
        ("code", "007", "007"),
        ("code", "true", "true"),
        ("code", " spaced = # ", " spaced = # "),
        ("code", "会员", "会员"),
    ],
)
def test_values_are_read_by_the_notebook_s_type(shelf, name, given, value):
    assigned = catalog.assign(catalog.read(shelf)[:1], {name: given})
    assert assigned == {"20_segments": {name: value}}
    assert type(assigned["20_segments"][name]) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("bins", "x", "a whole number (int), got 'x'"),
        ("bins", "5.0", "a whole number (int), got '5.0'"),
        ("bins", "1_000", "a whole number (int), got '1_000'"),
        ("bins", "", "a whole number (int), got ''"),
        ("bins", 5.0, "a whole number (int), got 5.0"),
        ("bins", True, "a whole number (int), got True"),
        ("share", "a lot", "a number (float), got 'a lot'"),
        ("share", "nan", "a number (float), got 'nan'"),
        ("share", float("inf"), "a number (float), got inf"),
        ("nested", "maybe", "true or false (bool), got 'maybe'"),
        ("nested", 1, "true or false (bool), got 1"),
        ("code", 7, "a text (str), got 7"),
    ],
)
def test_a_value_of_the_wrong_type(shelf, name, given, said):
    with pytest.raises(UsageError) as caught:
        catalog.assign(catalog.read(shelf)[:1], {name: given})
    assert str(caught.value) == f"parameter {name} must be {said}."


def test_one_value_reaches_each_notebook_that_knows_the_name_in_its_own_type(shelf):
    assert catalog.assign(catalog.read(shelf), {"bins": "5"}) == {
        "20_segments": {"bins": 5},
        "30_feelings": {"bins": 5.0},
        "90_summary": {},
    }


def test_an_unknown_parameter_lists_the_known(shelf):
    with pytest.raises(UsageError) as caught:
        catalog.assign(catalog.read(shelf)[:1], {"bin": "5"})
    assert str(caught.value) == (
        "there is no parameter 'bin' in these notebooks; "
        "known are bins (int), share (float), nested (bool), code (str), shift (int)."
    )
    with pytest.raises(UsageError, match=r"^there is no parameter 'bins' in these notebooks; known are none\.$"):
        catalog.assign(catalog.read(shelf)[2:], {"bins": "5"})


def test_the_study_is_no_parameter_of_a_run(shelf):
    with pytest.raises(UsageError) as caught:
        catalog.assign(catalog.read(shelf), {"study": "data/other"})
    assert str(caught.value) == (
        "parameter study is set by the runner; name the study as the argument: crm-analysis run FOLDER."
    )


@pytest.mark.parametrize(
    "secret", ["postgresql://anna:hunter2@db.example/crm", "host=db password=hunter2", "mysql://:hunter2@db/crm"]
)
def test_a_password_is_refused_and_not_repeated(shelf, secret):
    with pytest.raises(UsageError) as caught:
        catalog.assign(catalog.read(shelf), {"code": secret})
    assert str(caught.value) == (
        "parameter code holds a password, and parameters are saved with the report; "
        'keep it in an environment variable and name that in study.toml: url = "env:NAME".'
    )


@pytest.mark.parametrize("harmless", ["postgresql://db.example/crm", "a: b@c", "https://example.org:8080/x@y", "12:30"])
def test_what_only_resembles_a_password_passes(shelf, harmless):
    assert catalog.assign(catalog.read(shelf)[:1], {"code": harmless}) == {"20_segments": {"code": harmless}}


@pytest.mark.parametrize(
    "line",
    [
        "bins = 5",
        "bins: int | None = None",
        "bins: Literal[1, 2] = 1",
        "bins: int = 2 + 3",
        "bins: int = 2.5",
        "bins: int",
        "bins: bool = 1",
        "import os",
        'code: str = "a#b"',
        'code: str = "a=b"',
        "bins: int = 5  # classes (default = 5)",
        "bins: int = ",
    ],
)
def test_a_broken_parameters_cell_is_named_with_its_cure(tmp_path, make_notebook, line):
    make_notebook(tmp_path / "20_broken.ipynb", parameters=f'study: str = "data/shop"  # folder\n{line}')
    with pytest.raises(UsageError) as caught:
        catalog.read(tmp_path)
    assert str(caught.value) == (
        "notebook 20_broken.ipynb: write each line of the parameters cell as 'name: type = default  # help', "
        f"with type str, int, float or bool and no further '=' or '#', not {line.strip()!r}."
    )


def test_two_parameters_cells(tmp_path, make_notebook):
    import nbformat

    path = make_notebook(tmp_path / "20_two.ipynb", "bins: int = 5")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].metadata["tags"] = ["parameters"]
    nbformat.write(notebook, path)
    with pytest.raises(UsageError) as caught:
        catalog.read(tmp_path)
    assert str(caught.value) == "notebook 20_two.ipynb has 2 cells tagged 'parameters'; leave the tag on one."


def test_a_notebook_without_a_title(tmp_path, make_notebook):
    make_notebook(tmp_path / "20_x.ipynb", title="")
    with pytest.raises(UsageError) as caught:
        catalog.read(tmp_path)
    assert str(caught.value) == (
        "notebook 20_x.ipynb has no title; begin its first text cell with a line such as '# Who are they?'."
    )


def test_a_notebook_that_is_none(tmp_path):
    (tmp_path / "20_x.ipynb").write_text("{")
    with pytest.raises(
        UsageError, match=r"^notebook 20_x\.ipynb cannot be read \(.+\); save it again from JupyterLab\.$"
    ):
        catalog.read(tmp_path)


def test_a_notebook_without_a_kernel(tmp_path, make_notebook):
    path = make_notebook(tmp_path / "20_x.ipynb")
    path.write_text(re.sub(r'"kernelspec": \{[^}]*\}', "", path.read_text("utf-8")), "utf-8")
    with pytest.raises(UsageError) as caught:
        catalog.read(tmp_path)
    assert str(caught.value) == "notebook 20_x.ipynb names no kernel; save it again from JupyterLab."


def test_no_folder_and_an_empty_one(tmp_path):
    with pytest.raises(UsageError) as caught:
        catalog.read(tmp_path / "nowhere")
    assert str(caught.value) == (
        f"there is no folder of notebooks at {tmp_path / 'nowhere'}; name the right one with --notebooks."
    )
    with pytest.raises(UsageError) as caught:
        catalog.read(tmp_path)
    assert str(caught.value) == (
        f"the folder {tmp_path} holds no notebook (*.ipynb); name the right one with --notebooks."
    )
