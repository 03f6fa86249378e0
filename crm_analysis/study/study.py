"""A study: study.toml and its tables, checked, cleaned and ready to be aggregated where they lie."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pandas as pd

from crm_analysis.errors import DataError, UsageError
from crm_analysis.study import customer360
from crm_analysis.study.card import CardResult, CheckResult
from crm_analysis.study.cleaning.checking import CleanTable
from crm_analysis.study.cleaning.clean import clean
from crm_analysis.study.cleaning.quality import CleaningResult
from crm_analysis.study.config import StudyConfig, find, read
from crm_analysis.study.people import identity, persons, timeline
from crm_analysis.study.people.identity import IdentityResult
from crm_analysis.study.people.timeline import TimelineResult
from crm_analysis.study.reports import purchases
from crm_analysis.study.server import database, engine
from crm_analysis.study.tables import CONTRACTS, KINDS

PER = ("record", "person")
"""What a customer can be: a record of the customers table, or a person with all records."""


class Study:
    """Raw tables that have passed the contract. Open one with `Study.open`.

    Attributes
    ----------
    config : StudyConfig
        What study.toml says.
    folder : Path
        The study's folder.
    """

    def __init__(
        self, config: StudyConfig, folder: Path, tables: Mapping[str, ibis.Table], found: tuple[CleanTable, ...]
    ):
        self.config = config
        self.folder = folder
        self._tables = dict(tables)
        self._found = found
        self._identity: IdentityResult | None = None

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Study:
        """Open a study: read study.toml, check every table against the contract, clean what can be cleaned.

        Files are cleaned once and read from a cache in the study's folder until they change. Tables of a database
        stay there and are not changed: they are checked, and what is asked of them is computed by the database. Rows
        that break a rule are written to ``quarantine/<table>.csv`` in the study's folder and counted; see `check`.

        Parameters
        ----------
        folder : path
            The folder that holds study.toml. A relative path is sought in the working folder, then in each parent,
            so that a notebook works from its own folder and from the project's root.

        Returns
        -------
        Study

        Raises
        ------
        UsageError
            If there is no such folder, no study.toml in it, the file says something that is not understood, or the
            database cannot be opened.
        ContractError
            If a file or a table of the database is not there, empty or unreadable, a required column is missing, or no
            row keeps the contract.
        """
        home = find(Path(folder))
        config = read(home / "study.toml")
        files = engine.in_process(config)
        server = engine.server(config)
        tables, found = {}, []
        for name, settings in config.tables.items():
            if server is not None and settings.format == "engine":
                cleaned, table = database.check(server, config, name, home)
            else:
                cleaned, table = clean(files, config, name, home)
                # One engine has to see all tables, to join them.
                table = table if server is None else engine.put(server, name, table)
            tables[name] = table
            found.append(cleaned)
        return cls(config, home, tables, tuple(found))

    @property
    def name(self) -> str:
        """The study's name: one report folder per name."""
        return self.config.name

    @property
    def title(self) -> str:
        """The study's title for readers."""
        return self.config.title

    @property
    def currency(self) -> str:
        """The currency of all amounts, for example ``CNY``; may be empty."""
        return self.config.currency

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that are there."""
        return tuple(self._tables)

    @property
    def offers(self) -> tuple[str, ...]:
        """What a notebook can need: the tables, and what study.toml says of them.

        ``model`` stands for a satisfaction model of the survey, ``label`` for a column of customers that says who left.
        """
        survey, churn = self.config.survey, self.config.churn
        model = ("model",) if "survey" in self._tables and (survey.model or survey.paths) else ()
        label = ("label",) if "customers" in self._tables and churn.get("label") else ()
        return (*self.tables, *model, *label)

    def table(self, name: str) -> ibis.Table:
        """Return a clean table in the engine.

        Parameters
        ----------
        name : str
            A table of the contract, such as ``transactions``.

        Returns
        -------
        ibis.Table

        Raises
        ------
        UsageError
            If the contract knows no such table.
        DataError
            If this study does not have it.
        """
        if name not in CONTRACTS:
            raise UsageError(f"{name!r} is no table of the contract; known are {', '.join(CONTRACTS)}.")
        if name not in self._tables:
            there = ", ".join(self.tables)
            raise DataError(f"the study {self.name} has no table {name!r} (it has {there}); add [tables.{name}].")
        return self._tables[name]

    def frame(self, name: str) -> pd.DataFrame:
        """Return a clean table as a frame; one that is not there has the contract's columns and no rows."""
        if name in CONTRACTS and name not in self._tables:
            schema = ibis.schema({c.name: KINDS[c.kind][0] or "string" for c in CONTRACTS[name].columns})
            return ibis.memtable([], schema=schema).to_pandas()
        return self.table(name).to_pandas()

    @property
    def last_date(self) -> date:
        """The study's last day: the latest order, or, without orders, the latest date of any table."""
        ordered = self._last("transactions")
        if ordered is not None:
            return ordered
        days = [day for day in map(self._last, self._tables) if day]
        if not days:
            raise DataError(f"the study {self.name} has no dates; the customer view needs a table with a time.")
        return max(days)

    def _is_dated(self) -> bool:
        return any(self._last(table) for table in self._tables)

    def _last(self, table: str) -> date | None:
        column = CONTRACTS[table].when
        if table not in self._tables or column not in self._tables[table].columns:
            return None
        last = self._tables[table][column].max().to_pandas()
        return None if pd.isna(last) else pd.Timestamp(last).date()

    def day(self, as_of: str | date | None = None) -> date:
        """Return the day that `as_of` means: a date as it is, an ISO text as a date, nothing as the last day."""
        return self.last_date if as_of is None or as_of == "" else _day(as_of)

    def earlier_day(self, as_of: str | date | None = None, *, days: int = 365) -> date:
        """Return the day so many days before `as_of`, but never one in the first half of the order log.

        Parameters
        ----------
        as_of : str or date, optional
            The later day; by default the study's last.
        days : int
            How many days to go back.

        Returns
        -------
        date
        """
        day = self.day(as_of)
        first = self._first_order()
        return max(day - timedelta(days=days), first + (day - first) / 2)

    def _first_order(self) -> date:
        return pd.Timestamp(self.table("transactions").time.min().to_pandas()).date()

    def identity(self) -> IdentityResult:
        """Return which records of the customers table are one person, with the evidence, and the doubtful pairs.

        Records are compared by phone, e-mail and name with birth year, in columns with a usual English or Chinese
        name; a column with another name is mapped in study.toml, ``columns = { phone = "Kontakt" }``. Where the table
        has a ``person_id``, it decides and nothing is guessed.

        Returns
        -------
        IdentityResult
            The same at every call.
        """
        if self._identity is None:
            self._identity = identity.find(self._tables.get("customers"))
        return self._identity

    def per(self, unit: str) -> Study:
        """Return this study with one customer per record (``"record"``: itself) or per person (``"person"``).

        In the study per person every table bears the persons' ids, so whatever is asked of it counts persons; its
        customers table has one row each, made of all their records whatever the day (`customer360` with ``per`` uses
        only what was known by its own day).
        """
        members = self._members(unit)
        if members is None:
            return self
        return Study(self.config, self.folder, persons.merged(self._tables, members), self._found)

    def _members(self, per: str) -> pd.DataFrame | None:
        """The records that are one person, where a view per person is wanted."""
        if per not in PER:
            raise UsageError(f"per must be {' or '.join(map(repr, PER))}, not {per!r}.")
        return self.identity().members if per == "person" else None

    def customer360(
        self,
        as_of: str | date | None = None,
        *,
        columns: Sequence[str] | None = None,
        per: str = "record",
        recent_days: int = 0,
    ) -> pd.DataFrame:
        """Return the customer view: one row per customer, with what was known through the end of a day.

        Parameters
        ----------
        as_of : str or date, optional
            The day, such as ``"2025-06-30"``; by default the study's last day, never today.
        columns : sequence of str, optional
            The columns wanted beside ``customer_id``; by default all. What is not wanted is not computed.
        per : {"record", "person"}
            What a customer is: a record of the customers table or, as `identity` finds it, a person, who bears the id
            of the earliest record. A person's orders, contacts, contracts and answers are those of all records; an
            attribute is the earliest record's, or the next one's where that is silent; costs are summed.
        recent_days : int
            Where above 0, the view also has ``recent_purchase_days``, ``recent_gross_spend``, ``recent_contacts`` and
            ``recent_complaints``: what was added in so many days up to `as_of`.

        Returns
        -------
        DataFrame
            One row per customer (record or person) known by then, ordered by ``customer_id``. From transactions (a
            purchase is a line with an amount of zero or more, a return one below zero):

            - ``first_purchase``, ``last_purchase`` (dates), ``recency_days``, ``tenure_days`` (from the first
              purchase to `as_of`), ``frequency`` (distinct orders; without order ids, distinct days with a purchase),
              ``purchase_days``;
            - ``monetary`` (purchases less returns), ``gross_spend`` (purchases), ``spend_last_year`` and
              ``spend_year_before`` (purchases in the last 365 days and in the 365 before), ``first_day_spend``
              (purchases on the first day), ``mean_order_value`` (purchases by order), ``returns_share`` (returns by
              purchases), and, where the columns are there, ``margin``, ``discount_share`` (of purchases
              before the discount), ``categories`` (distinct, bought);
            - ``gap_mean_days`` (mean days between purchases; missing with one purchase day), ``gap_cv`` (their
              standard deviation by their mean; missing with fewer than three days);
            - ``spend_trend`` = (last 365 days - the 365 before) / their sum, from -1 to 1; missing if both are zero.

            From contacts: ``contacts``, ``complaints``. From contracts: ``open_contract``, ``contract_start``,
            ``monthly_fee``. From customers: ``referrals_made`` and every column of the table. From the survey: the
            latest answers by then (items under their own names, other columns with the prefix ``survey_``). A column of
            customers that bears the name of a computed one gets the prefix ``customer_``, an item ``survey_``.
            A customer without orders has frequency, purchase days, categories and spend 0 and no dates.

        Raises
        ------
        UsageError
            If `as_of` is not a date, a column is wanted that is not there, or `per` is neither record nor person.
        DataError
            If `as_of` lies before the first order or more than a year after the last, or the study has no table with
            customers.
        """
        day, members = self._seen(as_of), self._members(per)
        items = self.config.survey.items
        view = customer360.expression(
            self._tables, as_of=day, items=items, columns=columns, members=members, recent_days=recent_days
        )
        return customer360.to_pandas(view)

    def known_by(self, as_of: str | date | None = None, *, per: str = "record") -> dict[str, ibis.Table]:
        """Return the tables that name customers, with what was known through the end of a day.

        Parameters
        ----------
        as_of, per
            As for `customer360`.

        Returns
        -------
        dict of str to ibis.Table
            By name; nothing is computed yet.
        """
        if not set(customer360.WHOLE) & set(self._tables):
            return {}
        return customer360.known_by(self._tables, as_of=self._seen(as_of), members=self._members(per))

    def _seen(self, as_of: str | date | None) -> date:
        """The day through which the customer view looks, checked against the order log."""
        if not set(customer360.WHOLE) & set(self._tables):
            raise DataError(f"the study {self.name} has no customers, transactions or contracts to make a view of.")
        # A table of customers without any date has one view, whatever the day.
        day = self.day(as_of) if as_of or self._is_dated() else date.min
        if "transactions" in self._tables:
            customer360.refuse_outside(day, first=self._first_order(), last=self.last_date)
        return day

    def repeat_purchases(self, as_of: str | date | None = None, *, unit: str = "week") -> pd.DataFrame:
        """Return each customer's repeat purchases: the columns of `clv.summarise`, computed in the engine."""
        return purchases.summarise(self.table("transactions"), as_of=self.day(as_of), unit=unit)

    def timeline(self, customer_id: str | None = None, *, per: str = "record") -> TimelineResult:
        """Return one customer's history over all tables, in order of time.

        Parameters
        ----------
        customer_id : str, optional
            The customer; by default the one with the richest history (rows in most tables, then most rows, then the
            first id), for demonstration.
        per : {"record", "person"}
            Whether the history is that of the record or of all records of the same person; see `identity`.

        Returns
        -------
        TimelineResult

        Raises
        ------
        UsageError
            If no table has the customer, or `per` is neither record nor person.
        """
        return timeline.tell(
            self._tables,
            customer_id=None if customer_id is None else str(customer_id),
            members=self._members(per),
            last_day=self.last_date if self._is_dated() else None,
            currency=self.currency,
            satisfaction=self.config.survey.constructs.get("satisfaction", ()),
        )

    def inputs(self) -> list[dict[str, Any]]:
        """Return what was read: per file or table of a database its name, hash and rows, and how many were left out."""
        read: list[dict[str, Any]] = []
        for cleaned in self._found:
            rows = {"rows": cleaned.rows_read, "quarantined": cleaned.rows_left_out + cleaned.copies_removed}
            settings = self.config.tables[cleaned.name]
            if settings.format == "engine":
                origin = database.origin(self._tables[cleaned.name].get_backend(), settings)
                read.append({"table": cleaned.name, **origin, **rows})
            for file, digest, size in cleaned.files:
                read.append({"table": cleaned.name, "file": file, "sha256": digest, "bytes": size, **rows})
        return read

    def check(self) -> CheckResult:
        """Return what the contract found: every broken rule, how many rows, the first of them, and what was done."""
        return CheckResult.of(self._found)

    def cleaning(self) -> CleaningResult:
        """Return what cleaning did in its three acts, and how complete and how fresh the tables are."""
        last = self.last_date if self._is_dated() else None
        return CleaningResult.of(self._tables, self._found, last_date=last)

    def card(self) -> CardResult:
        """Return the study's card: rows, customers, dates, quiet stretches and gaps of each table."""
        return CardResult.of(self._tables, self._found)

    def __repr__(self) -> str:
        return f"Study({self.name!r}: {', '.join(self.tables)})"


def _day(as_of: str | date) -> date:
    if isinstance(as_of, datetime) and not pd.isna(as_of):
        return as_of.date()
    if isinstance(as_of, date) and not pd.isna(as_of):
        return as_of
    try:
        return date.fromisoformat(as_of)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise UsageError(f'as_of must be a day such as "2025-06-30", not {as_of!r}.') from None
