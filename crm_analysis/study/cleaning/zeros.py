"""Ids that lost their leading zeros: found in another table only after the zeros are put back."""

from __future__ import annotations

from collections.abc import Mapping

import ibis

from crm_analysis.table import count


def lost_zeros(tables: Mapping[str, ibis.Table]) -> tuple[str, ...]:
    """Say of which tables the customers are known only after zeros are put back, and which setting does it.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        The clean tables of a study. Without customers nothing is said.

    Returns
    -------
    tuple of str
        One sentence per table and direction: ids are changed only where `pad` asks for it.
    """
    customers = tables.get("customers")
    if customers is None:
        return ()
    known = _bare(customers)
    sentences = []
    for name, table in tables.items():
        if name == "customers" or "customer_id" not in table.columns:
            continue
        unknown = _bare(table).anti_join(known, "customer_id")
        both = unknown.join(known, "bare", rname="known_{name}").filter(lambda t: t.bare.length() > 0)
        row = both.aggregate(
            shorter=(both.customer_id.length() < both.known_customer_id.length()).sum(),
            longer=(both.customer_id.length() > both.known_customer_id.length()).sum(),
            width=both.customer_id.length().max(),
            known_width=both.known_customer_id.length().max(),
        )
        found = row.to_pyarrow().to_pylist()[0]
        for number, loser, width in (
            (found["shorter"], name, found["known_width"]),
            (found["longer"], "customers", found["width"]),
        ):
            if number:
                sentences.append(
                    f"{count(int(number), 'customer id')} of {name} {'is' if number == 1 else 'are'} among the "
                    f"customers only after leading zeros are put back; [tables.{loser}] pad = "
                    f"{{ customer_id = {int(width)} }} does it."
                )
    return tuple(sentences)


def _bare(table: ibis.Table) -> ibis.Table:
    """Distinct ids of digits, and each without its leading zeros."""
    ids = table.select("customer_id").filter(lambda t: t.customer_id.re_search("^[0-9]+$")).distinct()
    return ids.mutate(bare=ids.customer_id.re_replace("^0+", ""))
