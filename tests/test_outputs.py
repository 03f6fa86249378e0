"""The committed outputs of the notebooks are what they give: nbval, strict, on the demo company."""

import shutil
import sys
from pathlib import Path

import pytest

from crm_analysis.study import simulate

ROOT = Path(__file__).parent.parent
LOCKED = (3, 11)


@pytest.mark.skipif(sys.version_info[:2] != LOCKED, reason="outputs were committed with the locked Python")
def test_the_committed_outputs_are_what_the_notebooks_give(tmp_path, nbval):
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    simulate.company().write(tmp_path / "data" / "demo")
    printed = nbval(
        tmp_path / "notebooks", "--nbval", "--nbval-sanitize-with", str(ROOT / "tests" / "nbval_sanitize.cfg")
    )
    assert " passed" in printed
