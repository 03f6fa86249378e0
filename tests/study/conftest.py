"""Small studies in memory, without files and cleaning: for tests of what is aggregated in the engine."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import ibis
import pyarrow as pa
import pytest

from crm_analysis.study import Study
from crm_analysis.study.tables import CONTRACTS

_TYPES = {
    "id": pa.string(),
    "text": pa.string(),
    "time": pa.timestamp("us"),
    "money": pa.decimal128(18, 4),
    "number": pa.float64(),
    "integer": pa.int64(),
    "flag": pa.bool_(),
}


@pytest.fixture(scope="session")
def study_of():
    """Make a study of lists of rows by table; a table has the columns of its rows, an empty one the contract's."""

    engine, numbers = ibis.duckdb.connect(), itertools.count()

    def make(tables, *, currency="CNY"):
        held = {}
        for name, rows in tables.items():
            kinds = {column.name: _TYPES[column.kind] for column in CONTRACTS[name].columns if column.kind in _TYPES}
            columns = list(dict.fromkeys(key for row in rows for key in row)) or list(kinds)
            schema = pa.schema([(column, kinds.get(column, pa.string())) for column in columns])
            # Tables of the engine's own, as a study has them: queries on Arrow tables run another way in DuckDB.
            held[name] = engine.create_table(f"{name}_{next(numbers)}", pa.Table.from_pylist(rows, schema=schema))
        return Study(SimpleNamespace(name="shop", currency=currency), Path(), held, ())

    return make
