"""The layout keeps: imports go down only, topics do not know each other, no circles, no rooms for oddments."""

import ast
from pathlib import Path

import pytest

import crm_analysis

ROOT = Path(crm_analysis.__file__).parent
FLOORS = {
    0: ("atomic", "errors", "options", "style", "table"),
    1: ("result", "discrimination", "multiplicity", "proportion", "quantile", "repeats", "resampling", "rhythm"),
    2: ("study",),
    3: ("segmentation", "value", "satisfaction", "loyalty", "churn", "reporting"),
    4: ("cli",),
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
TOPICS = {"segmentation", "value", "satisfaction", "loyalty", "churn"}
ENGINES = {"ibis", "duckdb", "sqlglot"}
ODDMENTS = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}


def modules(root=ROOT):
    """Module name -> its syntax tree."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text("utf-8"), str(path))
    return found


def imports(name, tree, known):
    """Every module that a module imports, anywhere in it: at the top, in functions, for type checkers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively; write the whole path"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                # from package import module is an import of that module; from module import name, of the module.
                yield inner if inner in known else node.module


@pytest.fixture(scope="module")
def graph():
    trees = modules()
    return {name: sorted(set(imports(name, tree, trees))) for name, tree in trees.items()}


def room(module):
    parts = module.split(".")
    return parts[1] if parts[0] == "crm_analysis" and len(parts) > 1 else None


def upward(graph):
    """Imports that do not go down: to a higher floor, or to another room of the same floor above the first two."""
    return [
        f"{name} imports {target}"
        for name, targets in graph.items()
        for target in targets
        if room(name) and room(target) and room(name) != room(target)
        if FLOOR[room(target)] > FLOOR[room(name)] or (FLOOR[room(target)] == FLOOR[room(name)] >= 2)
    ]


def circles(graph):
    """Import circles, each as the list of its modules."""
    found, done = [], set()

    def walk(name, path):
        if name in path:
            found.append([*path[path.index(name) :], name])
            return
        if name in done or name not in graph:
            return
        for target in graph[name]:
            if target != name:
                walk(target, [*path, name])
        done.add(name)

    for name in graph:
        walk(name, [])
    return found


def test_every_room_has_a_floor(graph):
    assert {room(name) for name in graph} - {None} - set(FLOOR) == set()


def test_imports_go_down_only(graph):
    assert upward(graph) == []


def test_topics_do_not_know_each_other_and_no_one_but_a_notebook_knows_them(graph):
    known = [
        f"{name} imports {target}"
        for name, targets in graph.items()
        for target in targets
        if room(target) in TOPICS and room(name) != room(target)
    ]
    assert known == []


def test_only_the_study_speaks_to_the_engine(graph):
    speakers = {room(name) for name, targets in graph.items() for target in targets if target.split(".")[0] in ENGINES}
    assert speakers == {"study"}


def test_there_is_no_circle(graph):
    assert circles(graph) == []


def test_no_module_is_a_drawer_for_oddments(graph):
    assert [name for name in graph if ODDMENTS & set(name.split("."))] == []


def test_no_module_is_too_long():
    lines = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8").count("\n") for path in ROOT.rglob("*.py")}
    assert {name: count for name, count in lines.items() if count > 400} == {}


def test_every_module_says_what_it_is_and_nothing_happens_at_import():
    quiet = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.If)
    for name, tree in modules().items():
        if tree.body:
            assert ast.get_docstring(tree), f"{name} has no docstring"
        for node in tree.body:
            text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            # A command's registration is what typer's decorators do; a call at the top of a module is not.
            assert text or isinstance(node, quiet), f"{name}, line {node.lineno}: something happens at import"


def test_these_tests_would_see_a_breach(tmp_path):
    house = tmp_path / "crm_analysis"
    for path, text in {
        "__init__.py": "",
        "errors.py": "def late():\n    from crm_analysis.study import Study\n",
        "study/__init__.py": "from crm_analysis.study.parts import one\n",
        "study/parts.py": "def two():\n    import crm_analysis.study\n",
        "segmentation/rfm.py": "from crm_analysis.reporting import site\n",
        "reporting/site.py": "",
    }.items():
        (house / path).parent.mkdir(parents=True, exist_ok=True)
        (house / path).write_text(text, "utf-8")
    trees = modules(house)
    graph = {name: sorted(set(imports(name, tree, trees))) for name, tree in trees.items()}
    assert upward(graph) == [
        "crm_analysis.errors imports crm_analysis.study",
        "crm_analysis.segmentation.rfm imports crm_analysis.reporting.site",
    ]
    assert circles(graph) == [["crm_analysis.study", "crm_analysis.study.parts", "crm_analysis.study"]]
