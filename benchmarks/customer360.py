"""Time and memory of the customer view against pandas: whole processes on generated Parquet files (``make bench``).

Three programs are run in turn, each as a process of its own, three times, on 10^6, 10^7 and 5 x 10^7 order lines:

- pandas: read the Parquet file, group by customer: recency, frequency (distinct days), monetary value; nothing else;
- view, RFM only: open the study and ask `customer360` for the same three columns;
- view, whole: open the study and ask for everything `customer360` gives.

The study is opened once before, as the report's runner does, so that its contract has been checked; that time is a
row of its own ("open and check").
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

PANDAS = """
import sys, pandas as pd
t = pd.read_parquet(sys.argv[1], columns=["customer_id", "time", "amount"])
t["day"] = t["time"].dt.normalize()
g = t.groupby("customer_id")
view = pd.DataFrame({"last": g["day"].max(), "frequency": g["day"].nunique(), "monetary": g["amount"].sum()})
view["recency_days"] = (t["day"].max() - view.pop("last")).dt.days
print(len(view), view["frequency"].sum(), round(view["monetary"].sum(), 2))
"""
OURS = """
import sys
from crm_analysis.study import Study
columns = sys.argv[2].split(",") if sys.argv[2] else None
view = Study.open(sys.argv[1]).customer360(columns=columns)
print(len(view), view["frequency"].sum(), round(view["monetary"].sum(), 2))
"""
OPEN = "import sys; from crm_analysis.study import Study; Study.open(sys.argv[1])"


def generate(folder: Path, rows: int) -> None:
    """Write `rows` order lines over three years in no order: two or three lines an order, eight orders a customer.

    Orders a customer are skewed: some have one, some hundreds.
    """
    target = folder / "transactions.parquet"
    customers = max(1, rows // 20)
    connection = duckdb.connect(config={"memory_limit": "4GB", "temp_directory": str(folder / "spill")})
    connection.execute("PRAGMA disable_progress_bar")
    connection.execute(
        f"""COPY (
            SELECT 'C' || lpad((floor({customers} * pow((hash(o) % 1000003) / 1000003.0, 2)))::BIGINT::VARCHAR, 8, '0')
                AS customer_id,
              TIMESTAMP '2023-01-01' + to_seconds((hash(o + 1000000007) % 94608000)::BIGINT) AS time,
              round(5 + (hash(i * 31 + 7) % 20000) / 100.0, 2) AS amount,
              'category ' || (hash(i * 17 + 3) % 9)::VARCHAR AS category
            FROM (SELECT i, i * 2 // 5 AS o FROM range({rows}) AS t(i))
        ) TO '{target}' (FORMAT parquet)"""
    )
    (folder / "study.toml").write_text(
        '[study]\nname = "bench"\n[tables.transactions]\nsource = "transactions.parquet"\n', "utf-8"
    )


def measure(program: str, *arguments: str) -> tuple[float, float, str]:
    """Run a program as a process; return its wall seconds, peak memory in GB and what it printed."""
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = process.stdout.read().strip()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"a benchmark program failed with exit code {process.returncode}")
    # Linux counts kilobytes, macOS bytes.
    scale = 1e9 if platform.system() == "Darwin" else 1e6
    return time.perf_counter() - started, usage.ru_maxrss / scale, printed


def compare(rows: int, runs: int) -> list[str]:
    """Return the table's lines for one size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder, rows)
        opened, memory, _ = measure(OPEN, name)
        lines = [f"| {rows:,} | open and check, once | {opened:.1f} | {memory:.2f} | | |"]
        programs = {
            "pandas, RFM only": (PANDAS, str(folder / "transactions.parquet")),
            "view, RFM only": (OURS, name, "recency_days,frequency,monetary"),
            "view, whole": (OURS, name, ""),
        }
        found: dict[str, list[tuple[float, float, str]]] = {label: [] for label in programs}
        for _ in range(runs):
            for label, (program, *arguments) in programs.items():
                found[label].append(measure(program, *arguments))
        answers = {printed for measured in found.values() for *_, printed in measured}
        if len(answers) != 1:
            sys.exit(f"the programs disagree: {answers}")
        base = [
            statistics.median(values) for values in zip(*(run[:2] for run in found["pandas, RFM only"]), strict=True)
        ]
        for label, measured in found.items():
            seconds, memory = (statistics.median(values) for values in zip(*(run[:2] for run in measured), strict=True))
            ratio = f"{seconds / base[0]:.2f} | {memory / base[1]:.2f}"
            lines.append(f"| {rows:,} | {label} | {seconds:.1f} | {memory:.2f} | {ratio} |")
        return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, nargs="+", default=[1e6, 1e7, 5e7])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print("| order lines | program | seconds | peak GB | time / pandas | memory / pandas |", flush=True)
    print("|---:|---|---:|---:|---:|---:|", flush=True)
    for rows in options.rows:
        print("\n".join(compare(int(rows), options.runs)), flush=True)


if __name__ == "__main__":
    main()
