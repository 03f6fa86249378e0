"""The company that a simulation gives back, and the files it is written to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from crm_analysis.study.config import name_from
from crm_analysis.study.simulate import questionnaire

_AMOUNT = "quantity * unit_price - discount"
_MARGIN = "quantity * (unit_price - unit_cost) - discount"


@dataclass(frozen=True, eq=False)
class Company:
    """A simulated company: its raw tables as a firm would have them, and the truth behind them.

    Attributes
    ----------
    tables : dict of DataFrame
        customers, transactions, contacts, contracts, campaigns, survey, kano: as written to CSV, dirt included.
    truth : dict
        All true parameters by topic, each with its meaning and unit; JSON can hold it.
    people : DataFrame
        The truth about each customer, one row each: feelings by period, behavioural loyalty, day of leaving, trap.
    """

    tables: dict[str, pd.DataFrame]
    truth: dict[str, Any]
    people: pd.DataFrame

    def write(self, folder: str | Path) -> Path:
        """Write the study: a CSV file per table, study.toml, truth.json and truth_customers.csv.

        Parameters
        ----------
        folder : str or Path
            Made if it is not there; files of the same names are replaced.

        Returns
        -------
        Path
            The folder.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        # A table without rows is no table: a very small company may have no campaign or contract yet.
        filled = {name: rows for name, rows in self.tables.items() if len(rows)}
        for name, rows in filled.items():
            rows.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8")
        self.people.to_csv(folder / "truth_customers.csv", index=False, lineterminator="\n", encoding="utf-8")
        (folder / "truth.json").write_text(
            json.dumps(self.truth, indent=1, allow_nan=False) + "\n", "utf-8", newline="\n"
        )
        (folder / "study.toml").write_text(_study_toml(name_from(folder), list(filled)), "utf-8", newline="\n")
        return folder


def _study_toml(name: str, tables: list[str]) -> str:
    lines = [
        "[study]",
        f'name = "{name}"',
        'title = "Simulated bookshop"',
        'currency = "CNY"',
        'timezone = "Asia/Shanghai"',
        "",
        "[engine]",
        'url = "duckdb://"',
        "",
    ]
    for table in tables:
        lines += [f"[tables.{table}]", f'source = "{table}.csv"']
        if table == "transactions":
            lines.append(f'columns = {{ amount = {{ sql = "{_AMOUNT}" }}, margin = {{ sql = "{_MARGIN}" }} }}')
        lines.append("")
    lines += [
        "[survey]",
        f"scale = {list(questionnaire.SCALE)}",
        f"missing = {list(questionnaire.DONT_KNOW)}",
        'model = "acsi"',
        "",
        "[survey.constructs]",
    ]
    lines += [f"{construct} = {json.dumps(items)}" for construct, items in questionnaire.constructs().items()]
    lines += ["", "[survey.codes]"]
    lines += [f"{item} = {list(codes)}" for item, codes in questionnaire.CODES.items()]
    return "\n".join(lines) + "\n"
