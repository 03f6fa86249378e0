"""Events: what the rows of each table say happened to one customer, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from crm_analysis.table import count, number

ORDER, RETURN, COMPLAINT, CONTRACT = "order", "return", "complaint", "contract"
COLUMNS = ("time", "table", "kind", "event", "amount", "until")
TABLES = ("customers", "contracts", "campaigns", "transactions", "contacts", "survey")
"""Tables that tell of events, in the order of the relation: from joining to what the customer thinks of it."""

_MOST_NAMED = 3


def in_words(table: str, rows: pd.DataFrame, *, satisfaction: Sequence[str] = ()) -> pd.DataFrame:
    """Turn one customer's rows of a table into events.

    Parameters
    ----------
    table : str
        The table's name, one of `TABLES`.
    rows : DataFrame
        The customer's rows.
    satisfaction : sequence of str
        Items of the survey that measure satisfaction.

    Returns
    -------
    DataFrame
        time, table, kind, event (in words), amount (orders and returns; the monthly fee of a contract), until (the
        end of a contract). The lines of an order are one event, what was returned on a day another.
    """
    told: dict[str, Any] = {
        "customers": _joined,
        "contracts": _contracts,
        "campaigns": _campaigns,
        "transactions": _orders,
        "contacts": _contacts,
        "survey": lambda answers: _answers(answers, satisfaction),
    }
    found = pd.DataFrame(list(told[table](rows)), columns=list(COLUMNS))
    found["table"] = table
    times = {name: pd.to_datetime(found[name]).astype("datetime64[us]") for name in ("time", "until")}
    return found.assign(**times, amount=found["amount"].astype("float64"))


def _joined(records: pd.DataFrame) -> Iterable[dict[str, Any]]:
    for record in records.to_dict("records"):
        words = "joined" if _given(record, "joined") else "is in the customers table, without a date"
        words += f" through {record['channel']}" if _given(record, "channel") else ""
        words += ", brought by another customer" if _given(record, "referrer_id") else ""
        yield {"time": record.get("joined"), "kind": "joined", "event": words}


def _contracts(contracts: pd.DataFrame) -> Iterable[dict[str, Any]]:
    for contract in contracts.to_dict("records"):
        plan = f"contract {contract['plan']}" if _given(contract, "plan") else "contract"
        fee = contract.get("monthly_fee")
        words = f"{plan} begins" + (f", {number(fee)} a month" if _given(contract, "monthly_fee") else "")
        yield {
            "time": contract["start"],
            "kind": CONTRACT,
            "event": words,
            "amount": fee,
            "until": contract.get("end"),
        }
        if _given(contract, "end"):
            yield {"time": contract["end"], "kind": "end of contract", "event": f"{plan} ends"}


def _campaigns(campaigns: pd.DataFrame) -> Iterable[dict[str, Any]]:
    for campaign in campaigns.to_dict("records"):
        words = f"campaign {campaign['campaign']}"
        words += f", {campaign['arm']}" if _given(campaign, "arm") else ""
        if _given(campaign, "response"):
            words += ", responded" if campaign["response"] else ", no response"
        yield {"time": campaign["time"], "kind": "campaign", "event": words}


def _contacts(contacts: pd.DataFrame) -> Iterable[dict[str, Any]]:
    for contact in contacts.to_dict("records"):
        words = contact["kind"] + (f" by {contact['channel']}" if _given(contact, "channel") else "")
        if _given(contact, "resolved"):
            words += ", resolved" if contact["resolved"] else ", not resolved"
        # A return is the order's event; here it is the talk about it.
        kind = COMPLAINT if contact["kind"] == COMPLAINT else "contact"
        yield {"time": contact["time"], "kind": kind, "event": words}


def _orders(lines: pd.DataFrame) -> Iterable[dict[str, Any]]:
    lines = lines.sort_values("time", kind="stable")
    day = lines["time"].dt.strftime("%Y-%m-%d")
    order = lines["order_id"] if "order_id" in lines.columns else pd.Series(None, index=lines.index, dtype="object")
    bought = lines["amount"] >= 0
    # As in the customer view: a line without an order belongs to the one order of its day. Returns come on days.
    keys = [~bought, order.notna(), order.where(order.notna(), day), day.where(~bought, "")]
    for _, part in lines.groupby(keys, sort=False):
        is_order = part["amount"].iloc[0] >= 0
        yield {
            "time": part["time"].iloc[0],
            "kind": ORDER if is_order else RETURN,
            "event": f"{ORDER if is_order else RETURN} of {count(len(part), 'line')}{_categories(part)}",
            "amount": part["amount"].sum(),
        }


def _categories(lines: pd.DataFrame) -> str:
    if "category" not in lines.columns:
        return ""
    names = sorted(lines["category"].dropna().unique())
    more = len(names) - _MOST_NAMED
    named = ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f": {named}" if named else ""


def _answers(answers: pd.DataFrame, satisfaction: Sequence[str]) -> Iterable[dict[str, Any]]:
    items = [item for item in satisfaction if item in answers.columns]
    for answer in answers.to_dict("records"):
        words = "answers the survey" + (f", wave {number(answer['wave'])}" if _given(answer, "wave") else "")
        values = [float(answer[item]) for item in items if _given(answer, item)]
        if values:
            words += f": satisfaction {sum(values) / len(values):.1f} (mean of {count(len(values), 'item')})"
        yield {"time": answer.get("time"), "kind": "answer", "event": words}


def _given(row: dict[str, Any], name: str) -> bool:
    return name in row and not pd.isna(row[name])
