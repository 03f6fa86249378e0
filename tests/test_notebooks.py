"""The form of the notebooks: what a cell may hold, how they begin and end, and that they were executed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("[0-9]*.ipynb"))
# The summary reads the other notebooks' results instead of analysing anything.
LESSONS = [path for path in NOTEBOOKS if not path.name.startswith("90_")]
PARAMETER = re.compile(r"[a-z][a-z0-9_]*: (str|int|float|bool) = [^#]+  # \S.*")
FORBIDDEN = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try, ast.Lambda,
    ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp,
)  # fmt: skip


def cells(path: Path, kind: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def prose(path: Path) -> str:
    return "\n".join(cell.source for cell in cells(path, "markdown"))


def test_there_are_notebooks() -> None:
    assert "20_segmentation" in [path.stem for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_opening_cell_has_a_title_and_says_what_is_needed(path: Path) -> None:
    first = nbformat.read(path, as_version=4).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert re.search(r"^Needs: .+?   Uses: .*$|^Needs: .+$", first.source, flags=re.MULTILINE)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_parameters_cell_holds_parameters_only(path: Path) -> None:
    tagged = [cell for cell in cells(path, "code") if "parameters" in cell.metadata.get("tags", ())]
    assert len(tagged) == 1
    assert [line for line in tagged[0].source.splitlines() if not PARAMETER.fullmatch(line)] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_logic_in_a_cell(path: Path) -> None:
    for cell in cells(path, "code"):
        found = [type(node).__name__ for node in ast.walk(ast.parse(cell.source)) if isinstance(node, FORBIDDEN)]
        assert found == [], cell.source
        assert not cell.source.rstrip().endswith(";"), cell.source


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_is_of_a_readable_length(path: Path) -> None:
    code = cells(path, "code")
    assert 12 <= len(code) <= 30
    assert max(cell.source.count("\n") + 1 for cell in code if "parameters" not in cell.metadata.get("tags", ())) <= 8
    words_of_code = sum(len(cell.source.split()) for cell in code)
    assert len(prose(path).split()) >= words_of_code


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_ends_with_limits_exercises_and_next(path: Path) -> None:
    headings = re.findall(r"^## (.+)$", prose(path), flags=re.MULTILINE)
    assert headings[-3:] == ["Limits", "Exercises", "Next"]
    exercises = prose(path).split("## Exercises")[1].split("## Next")[0]
    assert 3 <= len(re.findall(r"^\d\. ", exercises, flags=re.MULTILINE)) <= 5


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_prose_states_no_number(path: Path) -> None:
    """Parameters change, so numbers speak through findings; years of sources and the level of intervals may stay."""
    text = prose(path).split("## Exercises")[0]
    text = re.sub(r"`[^`]*`", "", text)
    text = re.sub(
        r"^#+ \d+\..*$|\b(1[89]|20)\d\d[a-z]?\b|95 %|section \d+(\.\d+)*|360(?=-degree| 度)",
        "",
        text,
        flags=re.MULTILINE,
    )
    assert re.findall(r"\S*\d\S*", text) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_committed_executed_without_errors_or_times(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert outputs
    assert [output for output in outputs if output.output_type == "error"] == []
    assert [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"] == []
    assert "papermill" not in notebook.metadata
    assert all("execution" not in cell.metadata and "papermill" not in cell.metadata for cell in notebook.cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_one_picture_a_cell_and_each_with_its_description(path: Path) -> None:
    for cell in cells(path, "code"):
        pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        assert len(pictures) <= 1, cell.source
        for picture in pictures:
            assert len(picture.metadata["image/png"]["alt"]) > 40, cell.source
