"""The model in CONTRIBUTING.md works as printed."""

from __future__ import annotations

import re
import sys
import textwrap
import types
from pathlib import Path

import pandas as pd

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text("utf-8")


def test_the_printed_module_keeps_the_contract(keeps_result_contract, monkeypatch) -> None:
    printed = re.search(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    assert printed
    weekday = types.ModuleType("weekday")
    monkeypatch.setitem(sys.modules, "weekday", weekday)
    exec(compile(textwrap.dedent(printed[1]), "CONTRIBUTING.md", "exec"), vars(weekday))
    days = pd.date_range("2025-01-01", periods=9, freq="D")
    result = weekday.count(pd.DataFrame({"time": days}))
    assert result.findings()[0].startswith("Most orders, 22.2 % (95 % interval ")
    keeps_result_contract(result, pictures=("plot",))
