"""Brief: the first findings of several results together, for those who read no further."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from crm_analysis.result import Result


@dataclass(frozen=True, eq=False, repr=False)
class BriefResult(Result):
    """What several results say first: `table` has one row a result, with its title and finding."""

    table: pd.DataFrame
    title = "In short"

    def to_frame(self) -> pd.DataFrame:
        return self.table.copy()

    def findings(self) -> tuple[str, ...]:
        return tuple(self.table["finding"])

    def metrics(self) -> dict[str, float]:
        return {"results": len(self.table)}


def gather(*results: Result) -> BriefResult:
    """Gather the first finding of each result.

    Parameters
    ----------
    *results : Result
        In the order in which they are to be told.

    Returns
    -------
    BriefResult
        What is absent is told only where nothing else is there, and nothing is told twice.
    """
    there = [result for result in results if not getattr(result, "absent", "")]
    table = pd.DataFrame(
        [(result.title, result.findings()[0]) for result in there or results], columns=["title", "finding"]
    )
    return BriefResult(table.drop_duplicates("finding", ignore_index=True))
