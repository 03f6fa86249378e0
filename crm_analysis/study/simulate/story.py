"""The one causal story: people feel, feelings make loyalty, loyalty makes staying and buying."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.study.simulate import (
    baskets,
    behaviour,
    campaigns,
    contacts,
    contracts,
    dirt,
    feelings,
    kano,
    leaving,
    orders,
    people,
    referrals,
    survey,
)
from crm_analysis.study.simulate.company import Company
from crm_analysis.study.simulate.setting import Setting

TRUTH_VERSION = 1


def company(
    *, customers: int = 5000, seed: int = 20250630, start: Any = "2023-01-01", years: int = 3, dirty: bool = True
) -> Company:
    """Simulate a bookshop whose truth is known.

    Expectation and quality make value and satisfaction through the ACSI paths; satisfaction (by a bent curve that
    depends on competition), switching cost, basic and latent satisfaction make behavioural loyalty; loyalty makes how
    often customers buy and when they leave. Each part draws from its own generator, so that a change in one leaves the
    draws of the others alone.

    Parameters
    ----------
    customers : int
        How many customers the firm's files hold, at least 50.
    seed : int
        Not negative. The same arguments give the same tables to the last bit.
    start : date
        First day of the order log.
    years : int
        Length of the log, at least 2; the survey's waves lie 19 and 7 months before its end.
    dirty : bool
        Whether to put rows of dirt (duplicates, text in numbers, impossible dates) between the clean rows.

    Returns
    -------
    Company
        Raw tables, truth, and the truth about each person.

    Raises
    ------
    UsageError
        If an argument is not as said above.

    Examples
    --------
    >>> bookshop = company(customers=200, seed=1)
    >>> sorted(bookshop.tables)
    ['campaigns', 'contacts', 'contracts', 'customers', 'kano', 'survey', 'transactions']
    """
    setting = Setting.checked(customers=customers, seed=seed, start=start, years=years)
    crowd = _gather(setting)
    bad = contacts.bad_experiences(crowd.people, crowd.felt, setting)
    rate = orders.rates(crowd.people, setting)
    group = campaigns.groups(crowd.people, rate, setting)
    lots = campaigns.draw(crowd.people, setting)
    events = [bad.hazard_events(), campaigns.hazard_events(lots, group)]
    hazards = leaving.hazards(crowd.joined, crowd.loyalty, setting, events)
    left = leaving.days(crowd.joined, crowd.clock, hazards)
    chances = [leaving.chance(crowd.joined, hazards, day, behaviour.TRAP_DAYS) for day in setting.wave_days]

    edges = orders.calendar(setting, extra=campaigns.edges(setting))
    plain = orders.intensities(rate, crowd.loyalty, edges, setting)
    intensity = campaigns.raised(plain, lots, group, edges)
    placed = orders.draw(crowd.people, left, intensity, edges, setting)
    quality = crowd.felt["quality"][placed.person, setting.period(placed.day)]
    transactions, returned = baskets.lines(crowd.people, placed, rate, quality, setting)
    responded = campaigns.responses(lots, placed)
    memberships, membership_truth = contracts.table(crowd.people, crowd.felt, left, setting)
    answering = survey.respondents(crowd.people, rate, left, setting)
    answers = survey.table(crowd.people, crowd.felt, crowd.loyalty, answering, setting)
    pairs = kano.table(survey.respondent_ids(answering.people[0]), setting)

    tables = {
        "customers": people.table(crowd.people, setting),
        "transactions": transactions,
        "contacts": contacts.table(crowd.people, bad, left, returned, setting),
        "contracts": memberships,
        "campaigns": campaigns.table(crowd.people, lots, responded, setting),
        "survey": answers,
        "kano": pairs,
    }
    uplift = campaigns.expected_uplift(plain, lots, group, edges)
    truth = {
        "version": TRUTH_VERSION,
        "made_with": {
            "customers": setting.customers,
            "seed": setting.seed,
            "start": str(setting.start.date()),
            "years": setting.years,
            "dirty": bool(dirty),
        },
        "window": {
            "first_day": setting.date(0),
            "last_day": setting.date(setting.days - 1),
            "wave_first_days": [setting.date(day) for day in setting.wave_days],
        },
        "acsi": feelings.truth() | crowd.acsi_realised(left, answering, setting),
        "kano": kano.truth(pairs["respondent_id"].nunique()),
        "trap": behaviour.truth(crowd.people, crowd.index, left, chances, setting),
        "loyalty": crowd.loyalty_truth(),
        "churn": leaving.truth(left, setting) | {"complaints": contacts.truth(bad, left)},
        "membership": membership_truth,
        "regions": people.truth(),
        "campaigns": campaigns.truth(lots, responded, group, left, uplift, setting),
        "purchases": orders.truth(crowd.people, placed) | baskets.truth(transactions),
        "survey": survey.truth(answering),
        "servqual": survey.servqual_truth(),
        "delivered_value": survey.delivered_truth(),
        "dirt": {"meaning": "no dirty rows were asked for"},
    }
    if dirty:
        tables, truth["dirt"] = dirt.spoil(tables, setting)
    return Company(tables=tables, truth=truth, people=crowd.known(rate, group, left, answering, setting))


@dataclass(frozen=True, eq=False)
class _Crowd:
    """The customers in order of joining, with all that is true of them before anything happens to them."""

    people: pd.DataFrame
    felt: dict[str, np.ndarray]
    index: np.ndarray
    loyalty: np.ndarray
    clock: np.ndarray
    referrer: np.ndarray

    @property
    def joined(self) -> np.ndarray:
        return self.people["joined_day"].to_numpy()

    def regions(self) -> Iterator[tuple[str, np.ndarray]]:
        """Each region's name, and who lives there."""
        for number, name in enumerate(people.REGIONS["region"]):
            yield name, (self.people["region_number"] == number).to_numpy()

    def acsi_realised(self, left: np.ndarray, answering: survey.Respondents, setting: Setting) -> dict[str, Any]:
        """The paths among those who answered, and the true index of customers and of respondents, by wave."""
        paths, index = {}, {}
        for wave, (answered, day) in enumerate(zip(answering.people, setting.wave_days, strict=True), start=1):
            there = (self.joined <= day) & (left > day)
            paths[f"wave_{wave}"] = feelings.fitted(self.felt, answered, wave)
            index[f"wave_{wave}"] = {
                "customers": float(self.index[there, wave].mean()),
                "respondents": float(self.index[answered, wave].mean()),
                "customers_by_region": {
                    name: float(self.index[there & inside, wave].mean()) if (there & inside).any() else None
                    for name, inside in self.regions()
                },
            }
        return {"paths_among_respondents": paths, "satisfaction_index_mean": index}

    def loyalty_truth(self) -> dict[str, Any]:
        """How attitude and behaviour go together over all customers in the files, and who referred whom."""
        return {
            "meaning": "attitude: the ACSI's loyalty; behaviour: behavioural loyalty (points, see trap); "
            "correlations, means and standard deviations over all customers in the files, by period",
            "correlation_of_attitude_and_behaviour": [
                float(np.corrcoef(self.felt["loyalty"][:, period], self.loyalty[:, period])[0, 1])
                for period in range(feelings.PERIODS)
            ],
            "correlation_of_satisfaction_index_and_behaviour": [
                float(np.corrcoef(self.index[:, period], self.loyalty[:, period])[0, 1])
                for period in range(feelings.PERIODS)
            ],
            "behavioural_loyalty_mean": self.loyalty.mean(axis=0).tolist(),
            "behavioural_loyalty_standard_deviation": self.loyalty.std(axis=0).tolist(),
            "referrals": referrals.truth(self.referrer),
        }

    def known(
        self, rate: np.ndarray, group: np.ndarray, left: np.ndarray, answering: survey.Respondents, setting: Setting
    ) -> pd.DataFrame:
        """The truth about each customer, one row each."""
        trapped = behaviour.trapped(self.index, self.joined, left, setting)
        columns: dict[str, Any] = {
            "customer_id": self.people["customer_id"],
            "joined": setting.dates(self.joined),
            "left": setting.dates(left),
            "left_within_window": left < setting.days,
            "region": people.REGIONS["region"].to_numpy()[self.people["region_number"]],
            "competition": self.people["competition"],
            "orders_per_year": rate.round(6),
            "uplift_group": np.array(list(campaigns.GROUPS))[group],
        }
        for wave in (1, 2):
            columns[f"answered_wave_{wave}"] = np.isin(np.arange(len(left)), answering.people[wave - 1])
            columns[f"trapped_wave_{wave}"] = pd.array(trapped[:, wave - 1], dtype="Int64")
        for name in feelings.LASTING:
            columns[name] = self.felt[name][:, 0].round(6)
        for period in range(feelings.PERIODS):
            for name in (*feelings.CONSTRUCTS, *feelings.BESIDE):
                columns[f"{name}_{period}"] = self.felt[name][:, period].round(6)
            columns[f"satisfaction_index_{period}"] = self.index[:, period].round(6)
            columns[f"behavioural_loyalty_{period}"] = self.loyalty[:, period].round(6)
        return pd.DataFrame(columns)


def _gather(setting: Setting) -> _Crowd:
    """Draw twice the people needed, and keep those whom the window has seen as customers."""
    pool = people.candidates(setting)
    felt = feelings.draw(pool, setting)
    loyalty = behaviour.draw(pool, felt, setting)
    clock = leaving.clocks(pool, setting)
    joined = pool["joined_day"].to_numpy()
    left = leaving.days(joined, clock, leaving.hazards(joined, loyalty, setting, []))
    kept = people.kept(pool, left, customers=setting.customers)
    crowd = pool.iloc[kept].reset_index(drop=True)
    felt = {name: values[kept] for name, values in felt.items()}
    crowd["customer_id"] = [f"C{number:05d}" for number in range(1, len(crowd) + 1)]
    # Whoever left before campaigns and complaints moved that day is no referrer, whatever came of these.
    referrer = referrals.draw(crowd, felt["loyalty"][:, 0], left[kept], setting)
    ids = crowd["customer_id"].to_numpy(dtype=object)
    crowd["referrer_id"] = np.where(referrer >= 0, ids[referrer], None)
    crowd["acquisition_cost"] = np.where(referrer >= 0, referrals.BONUS, crowd["acquisition_cost"])
    crowd["cost_to_serve"] = people.cost_to_serve(crowd, felt["complaints"][:, 0])
    index = behaviour.satisfaction_index(felt)
    return _Crowd(crowd, felt, index, loyalty[kept], clock[kept], referrer)
