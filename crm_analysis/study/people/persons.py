"""Tables per person: where several records are one person, their ids become one and their records one row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
import pandas as pd

_COSTS = ("acquisition_cost", "cost_to_serve")


def merged(tables: Mapping[str, ibis.Table], members: pd.DataFrame) -> dict[str, ibis.Table]:
    """Write the tables per person, as expressions in the engine.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Tables of a study; those without a `customer_id` stay as they are.
    members : DataFrame
        Every record of the persons with several: customer_id, person_id, place (`IdentityResult.members`).

    Returns
    -------
    dict of ibis.Table
        The same tables; `customer_id` and `referrer_id` are the person's. The customers table has one row per person:
        of each attribute the value of the earliest record that has one, of costs their sum.
    """
    if members.empty:
        return dict(tables)
    linked = ibis.memtable(members, schema={"customer_id": "string", "person_id": "string", "place": "int64"})
    return {
        name: _one_row_each(table, linked) if name == "customers" else _renamed(table, linked, "customer_id")
        for name, table in tables.items()
    }


def _renamed(table: ibis.Table, linked: ibis.Table, column: str) -> ibis.Table:
    """Put the person's id into a column of customer ids; ids of nobody else are left alone."""
    if column not in table.columns:
        return table
    known = linked.select(__record=linked.customer_id, __person=linked.person_id)
    joined = table.left_join(known, table[column] == known["__record"])
    return joined.mutate(**{column: ibis.coalesce(joined["__person"], joined[column])}).select(*table.columns)


def _one_row_each(customers: ibis.Table, linked: ibis.Table) -> ibis.Table:
    known = linked.select(__record=linked.customer_id, __person=linked.person_id, __place=linked.place)
    joined = customers.left_join(known, customers.customer_id == known["__record"])
    alone = joined.filter(joined["__person"].isnull()).select(*customers.columns)
    several = joined.filter(joined["__person"].notnull())
    attributes = [name for name in customers.columns if name != "customer_id"]
    together = several.group_by(customer_id=several["__person"]).aggregate(
        **{name: _together(several[name], several["__place"]) for name in attributes}
    )
    together = together.mutate(**{name: together[name].cast(customers[name].type()) for name in attributes})
    persons = ibis.union(alone, together.select(*customers.columns))
    if "referrer_id" not in persons.columns:
        return persons
    persons = _renamed(persons, linked, "referrer_id")
    # A second record that the first brought is nobody's merit.
    return persons.mutate(referrer_id=persons.referrer_id.nullif(persons.customer_id))


def _together(value: Any, place: Any) -> Any:
    return value.sum() if value.get_name() in _COSTS else value.argmin(place, where=value.notnull())
