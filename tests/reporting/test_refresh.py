"""Refreshed notebooks carry outputs and nothing of the moment: a rerun without a change changes nothing."""

import json

import pytest

from crm_analysis.errors import CrmError, UsageError
from crm_analysis.reporting.refresh import refresh

PICTURE = """from base64 import b64decode
from IPython.display import display
dot = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPhfDwAChAGAk6xq1QAAAABJRU5ErkJggg==")
display({"image/png": dot}, raw=True, metadata={"image/png": {"alt": "a dot"}})"""


@pytest.fixture
def home(tmp_path, make_study, make_notebook):
    make_study(tmp_path / "data" / "shop")
    make_notebook(tmp_path / "notebooks" / "20_a.ipynb", "study", PICTURE)
    return tmp_path


def test_outputs_stay_and_the_moment_does_not(home):
    path = home / "notebooks" / "20_a.ipynb"
    assert refresh(home / "notebooks", home / "data" / "shop") == ("20_a",)
    written = path.read_bytes()
    content = json.loads(written)
    assert content["metadata"] == {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {
            "name": "python",
            "file_extension": ".py",
            "mimetype": "text/x-python",
            "pygments_lexer": "ipython3",
        },
    }
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == [1, 2, 3]
    assert [cell["metadata"] for cell in code] == [{"tags": ["parameters"]}, {}, {}]
    assert code[1]["outputs"][0]["data"]["text/plain"] == ["'data/shop'"]
    picture = code[2]["outputs"][0]
    assert picture["data"]["image/png"].startswith("iVBORw0KGgo")
    assert picture["metadata"] == {"image/png": {"alt": "a dot"}}
    assert [cell["id"] for cell in content["cells"]] == ["opening", "parameters", "cell-0", "cell-1"]
    assert sorted(file.name for file in path.parent.iterdir()) == ["20_a.ipynb"]

    assert refresh(home / "notebooks", home / "data" / "shop") == ()
    assert path.read_bytes() == written


def test_only_what_is_named_is_run(home, make_notebook):
    other = make_notebook(home / "notebooks" / "30_b.ipynb", "study", "3")
    before = other.read_bytes()
    assert refresh(home / "notebooks", home / "data" / "shop", only=["20"]) == ("20_a",)
    assert other.read_bytes() == before


def test_a_notebook_that_fails_is_left_as_it_is(home, make_notebook):
    path = make_notebook(home / "notebooks" / "20_a.ipynb", "1 / 0", "2")
    before = path.read_bytes()
    with pytest.raises(CrmError) as caught:
        refresh(home / "notebooks", home / "data" / "shop")
    assert str(caught.value) == (
        "notebook 20_a failed in code cell 2: ZeroDivisionError: division by zero; it was left as it is."
    )
    assert path.read_bytes() == before


def test_outputs_belong_to_the_default_study(home, make_study):
    make_study(home / "data" / "other")
    with pytest.raises(UsageError) as caught:
        refresh(home / "notebooks", home / "data" / "other")
    assert str(caught.value) == (
        f"notebook 20_a reads the study 'data/shop' by default, not {home / 'data' / 'other'}; "
        "refresh on that one, or change the default."
    )
