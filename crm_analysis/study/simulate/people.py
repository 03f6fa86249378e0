"""Who the customers are: names, addresses, the region they live in, and how they were won."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.study.simulate.setting import MONTH_DAYS, Setting, text_dates

# name, competition (0 monopoly ... 1 fierce), share of customers, market, what the raw quality shift leans to
REGIONS = pd.DataFrame(
    [
        ("Northwest", 0.05, 0.12, "monopoly", 0.10),
        ("Southwest", 0.20, 0.14, "monopoly", -0.15),
        ("Northeast", 0.35, 0.12, "moderate", 0.25),
        ("Central", 0.50, 0.17, "moderate", -0.20),
        ("North", 0.65, 0.15, "open", 0.15),
        ("South", 0.80, 0.14, "fierce", -0.20),
        ("East", 0.95, 0.16, "fierce", 0.15),
    ],
    columns=["region", "competition", "share", "market", "lean"],
)

# share of customers, acquisition cost (CNY, mean)
CHANNELS = {"shop": (0.30, 18.0), "app": (0.34, 32.0), "marketplace": (0.24, 45.0), "partner": (0.12, 27.0)}
_CITY_TIER_SHARES = (0.22, 0.30, 0.28, 0.20)

BEFORE_WINDOW_DAYS = 730
_EARLY_INTENSITY = (
    1.9  # two years before the window, falling to 1 at its beginning: a shop that grew fast when it was new
)
_JOINING_SEASON = np.array([0.95, 0.80, 1.00, 1.05, 0.95, 1.05, 0.95, 1.05, 1.20, 0.95, 1.25, 1.00])

_SURNAMES = (
    "Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo He Lin Gao Luo Zheng Liang Xie Song Tang "
    "Han Feng Deng Cao Peng Zeng Xiao Tian Dong Pan Yuan Cai Jiang Yu Du Ye Cheng Wei Su Lu Ding Ren Shen Yao"
)
_SYLLABLES = (
    "an bo chen chun dan fang fei guo hai han hong hua hui jia jian jie jing jun kai lan lei li lin ling long mei "
    "min ming na ning ping qi qing rong rui shan shu tao ting wei wen xia xin xiu xue yan yang ying yong yu yue "
    "yun zhen"
)


def quality_shift() -> np.ndarray:
    """Shift of quality by region (standard deviations): mean 0 and, by construction, unrelated to competition.

    Otherwise the effect of competition on loyalty could not be told from the effect of poorer service.
    """
    weights = np.sqrt(REGIONS["share"].to_numpy())
    design = np.column_stack([np.ones(len(REGIONS)), REGIONS["competition"]]) * weights[:, None]
    target = REGIONS["lean"].to_numpy() * weights
    return (target - design @ np.linalg.lstsq(design, target, rcond=None)[0]) / weights


def candidates(setting: Setting) -> pd.DataFrame:
    """Draw more than twice as many people as customers, joining from two years before the window to its end.

    Those who joined early and left before the window are not in the firm's files; who remains of the early ones is
    therefore a survivor, as in any log that begins in the middle of a firm's life (delayed entry).
    """
    draws = setting.generator("people")
    count = 2 * setting.customers + 100  # four in five of them are seen by the window
    region = draws.choice(len(REGIONS), size=count, p=REGIONS["share"])
    channel = draws.choice(len(CHANNELS), size=count, p=[share for share, _ in CHANNELS.values()])
    return pd.DataFrame(
        {
            "joined_day": _joining_days(setting, draws, count),
            "region_number": region,
            "competition": REGIONS["competition"].to_numpy()[region],
            "quality_shift": quality_shift()[region],
            "channel": np.array(list(CHANNELS))[channel],
            "age": np.clip(np.round(14 + 60 * draws.beta(2.2, 3.2, size=count)), 16, 80),
            "gender": draws.choice(["female", "male"], size=count, p=[0.56, 0.44]),
            "city_tier": 1 + draws.choice(4, size=count, p=_CITY_TIER_SHARES),
            "surname": draws.choice(_SURNAMES.split(), size=count),
            "first_syllable": draws.choice(_SYLLABLES.split(), size=count),
            "second_syllable": draws.choice(_SYLLABLES.split(), size=count),
            "acquisition_cost": np.array([cost for _, cost in CHANNELS.values()])[channel]
            * np.exp(draws.normal(-0.08, 0.4, size=count)),
            "cost_noise": draws.normal(size=count),
            "age_unknown": draws.random(count) < 0.06,
            "gender_unknown": draws.random(count) < 0.04,
        }
    )


def kept(pool: pd.DataFrame, left_day: np.ndarray, *, customers: int) -> np.ndarray:
    """Positions of the first ``customers`` candidates whom the window has seen as customers, in order of joining."""
    seen = np.flatnonzero((pool["joined_day"] >= 0) | (left_day > 1))[:customers]
    return seen[np.argsort(pool["joined_day"].to_numpy()[seen], kind="stable")]


def cost_to_serve(people: pd.DataFrame, complaints: np.ndarray) -> np.ndarray:
    """Yearly cost of serving each person (CNY): lognormal, higher for those who complain readily."""
    return 14.0 * np.exp(0.5 * people["cost_noise"].to_numpy() + 0.3 * complaints)


def table(people: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """The raw customers table: what the firm wrote down when it met each of them, and what serving them costs."""
    number = np.arange(1, len(people) + 1)
    given = people["first_syllable"].str.capitalize() + people["second_syllable"]
    handle = given.str.lower() + "." + people["surname"].str.lower()
    # Numbers beginning 100 belong to nobody in China, addresses at example.com to nobody at all.
    phone = 10_000_000_000 + (number * 7_919_993 + 12_345_701) % 100_000_000
    birth_year = (setting.start.year + 1 - people["age"]).astype("Int64").mask(people["age_unknown"])
    return pd.DataFrame(
        {
            "customer_id": people["customer_id"],
            "name": people["surname"] + " " + given,
            "phone": phone.astype(str),
            "email": handle + pd.Series(number, index=people.index).astype(str) + "@example.com",
            "joined": text_dates(setting.dates(people["joined_day"].to_numpy())),
            "birth_year": birth_year.astype(object).where(birth_year.notna(), None),
            "gender": people["gender"].where(~people["gender_unknown"], None).astype(object),
            "region": REGIONS["region"].to_numpy()[people["region_number"]],
            "market": REGIONS["market"].to_numpy()[people["region_number"]],
            "city_tier": people["city_tier"],
            "channel": people["channel"],
            "referrer_id": people["referrer_id"],
            "acquisition_cost": people["acquisition_cost"].round(2),
            "cost_to_serve": people["cost_to_serve"].round(2),
        }
    )


def truth() -> dict[str, Any]:
    """The regions: how hard competition is in each, and what it adds to quality there."""
    columns = zip(
        REGIONS["region"], REGIONS["competition"], REGIONS["share"], REGIONS["market"], quality_shift(), strict=True
    )
    return {
        "meaning": "competition: 0 (monopoly) to 1 (fierce); quality_shift: standard deviations added to perceived "
        "quality, by construction unrelated to competition; share: of the people drawn",
        "by_region": {
            region: {"competition": competition, "share": share, "market": market, "quality_shift": float(shift)}
            for region, competition, share, market, shift in columns
        },
        "acquisition_cost_mean_cny": {channel: cost for channel, (_, cost) in CHANNELS.items()},
        "channel_shares": {channel: share for channel, (share, _) in CHANNELS.items()},
    }


def _joining_days(setting: Setting, draws: np.random.Generator, count: int) -> np.ndarray:
    edges = np.arange(-BEFORE_WINDOW_DAYS, setting.days + 1, 1.0)
    intensity = _JOINING_SEASON[setting.months_of_year(edges[:-1]) - 1]
    intensity *= 1 + (_EARLY_INTENSITY - 1) * np.maximum(-edges[:-1], 0) / BEFORE_WINDOW_DAYS
    # Whoever joins in the last days would leave no trace but a name: joining ends half a month before the window.
    intensity = np.where(edges[:-1] > setting.days - MONTH_DAYS / 2, 0.0, intensity)
    cumulative = np.concatenate([[0.0], np.cumsum(intensity)])
    return np.floor(np.interp(draws.random(count), cumulative / cumulative[-1], edges))
