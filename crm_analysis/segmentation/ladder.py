"""Loyalty ladder: from prospect to partner, as far as the data can tell (忠诚度阶梯; Christopher et al.)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.proportion import wilson
from crm_analysis.result import Result
from crm_analysis.segmentation import shares
from crm_analysis.table import count, in_currency, interval, listed, number, percent, share_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RUNGS = ("prospect", "customer", "client", "supporter", "advocate", "partner")
"""The rungs from the lowest to the highest."""


@dataclass(frozen=True, eq=False, repr=False)
class LadderResult(Result):
    """The rung of every customer, what each rung holds, and what the data could not tell.

    Attributes
    ----------
    customers : DataFrame
        One row per customer: customer_id, purchases, attitude, referrals_made, partner, rung.
    rungs : DataFrame
        One row per rung, the highest first: customers and spend with their shares (95 % intervals), and the evidence
        that leads to it.
    asked : int
        Clients whose attitude is known.
    favourable_clients : int
        Those of them whose attitude is favourable.
    before_log : int
        Prospects who joined before the first purchase in the log: they may have bought before it begins.
    contradicting : int
        Clients who referred somebody although their attitude is not favourable; they stay clients.
    missing : dict of str
        Rungs that this study cannot show, each with the reason.
    favourable : float
        The attitude from which a client supports the firm, in units of the attitude.
    top_answer : float
        The highest attitude that anybody expressed.
    attitude : str
        What the attitude is called; empty: there is none.
    label : str
        What to call this view, such as its date.
    currency : str
        The currency of spend.
    """

    customers: pd.DataFrame
    rungs: pd.DataFrame
    asked: int
    favourable_clients: int
    before_log: int
    contradicting: int
    missing: dict[str, str]
    favourable: float
    top_answer: float
    attitude: str = ""
    label: str = ""
    currency: str = ""
    shown: ClassVar[dict[str, str]] = {"rungs": "Rungs of the ladder and their evidence"}

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"Loyalty ladder, {self.label}" if self.label else "Loyalty ladder"

    def captions(self) -> dict[str, str]:
        amounts = f"amounts in {self.currency}" if self.currency else ""
        return {"rungs": in_currency(self.shown["rungs"], amounts)}

    def to_frame(self) -> pd.DataFrame:
        return self.customers.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"customers": self.to_frame(), "rungs": self.rungs.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.customers.empty:
            return ("There are no customers in this study, so the ladder is empty.",)
        of = self.rungs.set_index("rung")
        if not of.loc[list(RUNGS[1:]), "customers"].sum():
            return (f"There are no purchases, so all are prospects: {count(len(self.customers), 'customer')}.",)
        climbed = [rung for rung in of.index if rung not in self.missing and of.loc[rung, "customers"]]
        top = of.loc[climbed[0]]
        sentences = [
            f"The highest rung that is reached is {climbed[0]}, with {share_of(top, 'customers')} of "
            f"{count(len(self.customers), 'customer')}{self._brought(top)}."
        ]
        reasons = dict.fromkeys(self.missing[rung] for rung in RUNGS if rung in self.missing)
        parts = [
            f"{listed([rung for rung in RUNGS if self.missing.get(rung) == why])} cannot be told, since {why}"
            for why in reasons
        ]
        if parts:
            text = ("The ladder stops at client: " if len(self.missing) == 3 else "") + "; ".join(parts)
            sentences.append(f"{text[0].upper()}{text[1:]}.")
        few = shares.too_few(len(self.customers)) if of["spend_share"].notna().any() else []
        return (*sentences, *few, *self._asked(), *self._repeat(of), *self._before())

    def _before(self) -> list[str]:
        if not self.before_log:
            return []
        of = f"{self.before_log:,} of {count(int((self.customers['rung'] == RUNGS[0]).sum()), 'prospect')}"
        return [f"Joined before the log begins, so perhaps customers of before: {of}."]

    def _brought(self, row: pd.Series) -> str:
        return f", who brought {share_of(row, 'spend')} of the spend" if pd.notna(row["spend_share"]) else ""

    def _asked(self) -> list[str]:
        clients = int(self.rungs.loc[self.rungs["rung"].isin(RUNGS[2:]), "customers"].sum())
        if not (self.attitude and clients):
            return []
        sentences = [
            f"The attitude ({self.attitude}) of {count(self.asked, 'repeat buyer')} of {clients:,} is known; the other "
            f"{clients - self.asked:,} were not asked and rise above client only by a referral."
        ]
        if self.asked:
            sentences.append(
                f"{percent(self.favourable_clients / self.asked)} "
                f"({interval(*wilson(self.favourable_clients, self.asked))}) of those asked are favourable "
                f"({number(self.favourable)} or more)."
            )
            if self.top_answer < self.favourable:
                sentences.append(
                    f"Nobody's attitude exceeds {number(self.top_answer)}; if that is the end of its scale, "
                    f"set favourable below {number(self.favourable)}."
                )
        if self.contradicting:
            sentences.append(
                f"Referred somebody but are not favourable now, and so stay clients: "
                f"{count(self.contradicting, 'customer')}."
            )
        return sentences

    def _repeat(self, of: pd.DataFrame) -> list[str]:
        bought = int(of.loc[list(RUNGS[1:]), "customers"].sum())
        clients = int(of.loc[list(RUNGS[2:]), "customers"].sum())
        return [
            f"{percent(clients / bought)} ({interval(*wilson(clients, bought))}) of those who bought are clients or "
            "more."
        ]

    def metrics(self) -> dict[str, float]:
        shares_of = {f"{row['rung']}_customers_share": row["customers_share"] for row in self.rungs.to_dict("records")}
        return {"customers": len(self.customers), "asked": self.asked, **shares_of}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ladder, the highest rung on top: each rung's share of customers and spend, with 95 % intervals."""
        ax, title = style.axes(ax, height=5.0), "How high customers have climbed"
        if self.customers.empty:
            return style.nothing(ax, title=title, why=self.findings()[0])
        notes = ["no data" if rung in self.missing else "" for rung in self.rungs["rung"]]
        shares.bars(ax, self.rungs, column="rung", notes=notes)
        ax.set_title(title)
        parts = [f"{row['rung']} {percent(row['customers_share'])}" for row in self.rungs.to_dict("records")]
        return style.describe(ax, f"Bar chart of the loyalty ladder, shares of customers: {'; '.join(parts)}.")


def ladder(
    customers: pd.DataFrame,
    *,
    attitude: pd.Series | str | None = None,
    favourable: float = 9.0,
    partner: str = "open_contract",
    repeats: int = 2,
    label: str = "",
    currency: str = "",
) -> LadderResult:
    """Place every customer on the loyalty ladder.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, with ``customer_id`` and ``frequency`` (orders), as `Study.customer360` gives them;
        ``purchase_days``, ``referrals_made``, ``monetary`` and the partner column are used where they are there.
    attitude : Series, str or None
        What customers feel: numbers indexed by customer_id, or the name of a column of `customers`; missing for who
        was not asked. A column that is not there, and None, mean that nobody was asked.
    favourable : float
        The attitude from which a client supports the firm, in units of its scale. 9 is the promoters' threshold for a
        recommendation from 0 to 10 (Reichheld 2003).
    partner : str
        A column that is true for who has bound himself, such as ``open_contract``.
    repeats : int
        Days with a purchase (orders, where days are not known) from which a customer is a client.
    label, currency : str
        What to call this view, such as its date, and the currency of spend.

    Returns
    -------
    LadderResult

    Raises
    ------
    UsageError
        If there is no ``customer_id`` or one appears twice, the attitude is not numeric, or repeats is below 2.

    Notes
    -----
    A prospect has not bought, a customer has, a client has bought repeatedly; a supporter is a client with a favourable
    attitude; an advocate is a client who has referred somebody and is favourable or was not asked; a partner is an
    advocate with a standing commitment. Without attitudes there are no supporters, without referrals no advocates, and
    without either the ladder stops at client.

    References
    ----------
    Christopher, M., Payne, A. and Ballantyne, D. (1991). Relationship Marketing. Butterworth-Heinemann.
    Reichheld, F. F. (2003). The one number you need to grow. Harvard Business Review 81(12), 46-54.
    """
    if repeats < 2:
        raise UsageError(f"ladder: repeats must be 2 or more, not {repeats}.")
    _check_ids(customers)
    feels, name = _attitude(customers, attitude)
    counted = next((column for column in ("purchase_days", "frequency") if column in customers.columns), None)
    zero = pd.Series(0, index=customers.index)
    purchases = zero if counted is None else customers[counted].fillna(0)
    referred = customers["referrals_made"].fillna(0) if "referrals_made" in customers.columns else zero
    bound = _true(customers[partner]) if partner in customers.columns else zero.astype(bool)
    client, likes, asked = purchases >= repeats, feels >= favourable, feels.notna()
    advocate = client & (referred > 0) & (likes | ~asked)
    conditions = [advocate & bound, advocate, client & likes, client, purchases > 0]
    rung = pd.Series(np.select(conditions, RUNGS[:0:-1], default=RUNGS[0]), index=customers.index, dtype="object")
    missing = _missing(bool(name), "referrals_made" in customers.columns, partner in customers.columns, partner)
    rungs = shares.by_group(rung, names=RUNGS[::-1], column="rung", sums={"spend": shares.spend_of(customers)})
    # Nobody was found there because nobody could be: not a share of zero.
    measured = [name for name in rungs.columns if name.startswith(("customers_share", "spend_share"))]
    rungs.loc[rungs["rung"].isin(missing), measured] = np.nan
    rungs["evidence"] = _evidence(counted, repeats, name, favourable, partner, missing)
    columns = {"purchases": purchases, "attitude": feels, "referrals_made": referred, "partner": bound, "rung": rung}
    return LadderResult(
        customers=customers[["customer_id"]].assign(**columns).reset_index(drop=True),
        rungs=rungs,
        asked=int((client & asked).sum()),
        favourable_clients=int((client & likes).sum()),
        before_log=_before_the_log(customers, rung),
        contradicting=int((client & (referred > 0) & asked & ~likes).sum()),
        missing=missing,
        favourable=favourable,
        top_answer=float(feels.max()),
        attitude=name,
        label=label,
        currency=currency,
    )


def _before_the_log(customers: pd.DataFrame, rung: pd.Series) -> int:
    if not {"joined", "first_purchase"} <= set(customers.columns):
        return 0
    joined, begins = pd.to_datetime(customers["joined"]), pd.to_datetime(customers["first_purchase"]).min()
    return int(((rung == RUNGS[0]) & (joined < begins)).sum())


def _check_ids(customers: pd.DataFrame) -> None:
    if "customer_id" not in customers.columns:
        raise UsageError("ladder: the customers have no column 'customer_id'; take them from Study.customer360().")
    twice = customers.loc[customers["customer_id"].duplicated(), "customer_id"]
    if len(twice):
        raise UsageError(f"ladder: customer_id {twice.iloc[0]!r} appears twice; give one row per customer.")


def _true(values: pd.Series) -> pd.Series:
    """Whether a value is true; one that is missing is not."""
    return values.map(bool, na_action="ignore").eq(True)


def _attitude(customers: pd.DataFrame, attitude: pd.Series | str | None) -> tuple[pd.Series, str]:
    """Return each customer's attitude and its name; all missing and no name where nobody was asked."""
    nobody = pd.Series(np.nan, index=customers.index)
    if attitude is None or (isinstance(attitude, str) and attitude not in customers.columns):
        return nobody, ""
    name = attitude if isinstance(attitude, str) else str(attitude.name or "attitude")
    if not isinstance(attitude, str) and attitude.index.has_duplicates:
        raise UsageError(f"ladder: the attitude {name!r} has two values for one customer; give one per customer_id.")
    values = customers[attitude] if isinstance(attitude, str) else customers["customer_id"].map(attitude)
    try:
        feels = values.astype("float64")
    except (TypeError, ValueError):
        raise UsageError(f"ladder: the attitude {name!r} is not numeric; give numbers where more is better.") from None
    return (feels, name) if feels.notna().any() else (nobody, "")


def _missing(asked: bool, referrals: bool, partners: bool, partner: str) -> dict[str, str]:
    """Name the rungs that cannot be shown, and why."""
    if not (asked or referrals):
        return dict.fromkeys(RUNGS[3:], "neither attitudes nor referrals are known")
    missing = {} if asked else {"supporter": "no attitudes are known"}
    if not referrals:
        return missing | dict.fromkeys(RUNGS[4:], "no referrals are known")
    return missing if partners else missing | {"partner": f"there is no column {partner!r}"}


def _evidence(
    counted: str | None, repeats: int, name: str, favourable: float, partner: str, missing: dict[str, str]
) -> list[str]:
    """Say what leads to each rung, the highest first."""
    unit = "orders" if counted == "frequency" else "days with a purchase"
    found = {
        "partner": f"advocate with {partner}",
        "advocate": "client with a referral, favourable or not asked",
        "supporter": f"client with {name} of {number(favourable)} or more",
        "client": f"{repeats} {unit} or more",
        "customer": "bought, but less often than a client",
        "prospect": "no purchase in the log",
    }
    return [f"no data: {missing[rung]}" if rung in missing else text for rung, text in found.items()]
