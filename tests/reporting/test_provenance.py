"""Provenance names the code and the machine, never the machine's name, and fingerprints bytes."""

import hashlib
import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path

import pytest

import crm_analysis
from crm_analysis.reporting import provenance


def test_outputs_are_listed_with_hash_size_and_rows(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "b.csv").write_bytes(b'id,text\n1,"two\nlines"\n2,x\n')
    (tmp_path / "tables" / "a.csv").write_bytes(b"id\n")
    (tmp_path / "index.html").write_bytes(b"<p>")
    (tmp_path / "run.json").write_bytes(b"{}")
    assert provenance.outputs(tmp_path) == [
        {"file": "index.html", "sha256": hashlib.sha256(b"<p>").hexdigest(), "bytes": 3},
        {"file": "tables/a.csv", "sha256": hashlib.sha256(b"id\n").hexdigest(), "bytes": 3, "rows": 0},
        {
            "file": "tables/b.csv",
            "sha256": hashlib.sha256(b'id,text\n1,"two\nlines"\n2,x\n').hexdigest(),
            "bytes": 26,
            "rows": 2,
        },
    ]


def test_libraries_are_those_the_package_requires():
    versions = provenance.libraries()
    assert {"pandas", "papermill", "semopy", "duckdb"} <= set(versions)
    assert {"pytest", "ruff", "pyspark"}.isdisjoint(versions)
    assert versions["pandas"] == importlib.metadata.version("pandas")


def test_the_machine_has_no_name():
    machine = provenance.machine()
    assert list(machine) == ["system", "release", "processor", "cores", "memory_gib"]
    assert machine["cores"] >= 1
    assert machine["memory_gib"] > 0.1
    assert platform.node() not in json.dumps(machine)


def test_the_commit_is_the_checkout_s_own():
    root = Path(crm_analysis.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        pytest.skip("the package does not lie in a git checkout")
    found = subprocess.run(["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    package = provenance.package()
    assert (package["name"], package["version"]) == ("crm-analysis", crm_analysis.__version__)
    assert package["commit"] == (found.stdout.strip() if found.returncode == 0 else None)
    assert (package["modified"] is None) == (package["commit"] is None)


def test_the_commit_of_a_project_around_the_package_is_not_taken(tmp_path, monkeypatch):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    installed = tmp_path / "env" / "crm_analysis" / "__init__.py"
    monkeypatch.setattr(crm_analysis, "__file__", str(installed))
    installed.parent.mkdir(parents=True)
    package = provenance.package()
    assert (package["commit"], package["modified"]) == (None, None)
