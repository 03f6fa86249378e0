"""environment.yml, the lock and pyproject.toml name the same packages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONDA = {"matplotlib": "matplotlib-base", "duckdb": "python-duckdb"}


def requirement(text: str) -> tuple[str, str]:
    found = re.match(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?\s*(.*)", text)
    assert found, text
    return found[1].lower(), found[2].replace(" ", "")


def declared() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return dict(requirement(text) for text in project["dependencies"])


def test_conda_installs_what_the_project_declares() -> None:
    lines = (ROOT / "environment.yml").read_text("utf-8").splitlines()
    entries = [re.match(r"\s+- ([^#]+?)(\s+#.*)?$", line) for line in lines]
    listed = dict(
        requirement(entry[1]) for entry in entries if entry and not entry[1].startswith(("-e", "pip:", "conda"))
    )
    listed.pop("python"), listed.pop("pip"), listed.pop("nbval")
    assert listed == {CONDA.get(name, name): version for name, version in declared().items()}


def test_every_conda_package_says_what_it_is_for() -> None:
    lines = (ROOT / "environment.yml").read_text("utf-8").splitlines()
    packages = [line for line in lines if re.match(r"\s+- [a-z0-9-]+[<>=]", line) and "python>=" not in line]
    assert len(packages) > 20
    assert [line for line in packages if "#" not in line] == []


def test_the_lock_pins_every_package_by_hash_and_names_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pinned = set(re.findall(r"^([a-z0-9.-]+)==", lock, flags=re.MULTILINE))
    assert set(declared()) <= pinned
    assert "://" not in lock
    blocks = re.split(r"\n(?=[a-z0-9])", lock.strip())
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


def test_the_data_dictionary_names_every_column_of_the_contract() -> None:
    from crm_analysis.study.tables import CONTRACTS

    text = (ROOT / "data" / "README.md").read_text("utf-8").split("## The demo study")[0]
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in text.splitlines() if line.startswith("| ")}
    for contract in CONTRACTS.values():
        for column in contract.columns:
            shown = f"**{column.name}**" if column.required else column.name
            assert re.search(rf"[ |]{re.escape(shown)}[, (;|]", rows[contract.table]), (contract.table, column.name)
