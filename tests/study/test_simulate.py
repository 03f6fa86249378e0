"""The simulated company: the same bytes, independent parts, and a truth that can be found again from outside."""

import ast
import itertools
import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import UsageError
from crm_analysis.study import simulate
from crm_analysis.study.simulate import campaigns, contacts, items, questionnaire, setting

# A right simulation goes past 4 standard errors once in 16,000 checks; here the seed is fixed and there are some 150.
FAR = 4.0
DICTIONARY = Path(__file__).parents[2] / "data" / "README.md"
TABLES = ["customers", "transactions", "contacts", "contracts", "campaigns", "survey", "kano"]


@pytest.fixture(scope="module")
def bookshop():
    return simulate.company()


@pytest.fixture(scope="module")
def clean():
    return simulate.company(dirty=False)


@pytest.fixture(scope="module")
def lines(clean):
    found = clean.tables["transactions"]
    return found.assign(
        day=pd.to_datetime(found["time"].str[:10]),
        amount=found["quantity"] * found["unit_price"] - found["discount"],
    )


@pytest.fixture(scope="module")
def people(clean):
    return clean.people.set_index("customer_id")


@pytest.fixture(scope="module")
def newcomers(people):
    """Those who joined within the window: everybody, not only those who stayed to be seen."""
    return people[people["joined"] >= "2023-01-01"]


def least_squares(causes, effect):
    """Coefficients (intercept first), their standard errors, and R2."""
    design = np.column_stack([np.ones(len(effect)), *causes])
    coefficients, *_ = np.linalg.lstsq(design, effect, rcond=None)
    residuals = effect - design @ coefficients
    variance = residuals @ residuals / (len(effect) - design.shape[1])
    errors = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
    return coefficients, errors, 1 - residuals.var() / effect.var()


def written(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# --- what is written -------------------------------------------------------------------------------------------------


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    # The study bears its folder's name, so the folders have the same one.
    first = written(simulate.company(customers=300, seed=3).write(tmp_path / "first" / "shop"))
    again = written(simulate.company(customers=300, seed=3).write(str(tmp_path / "deep" / "again" / "shop")))
    other = written(simulate.company(customers=300, seed=4).write(tmp_path / "other" / "shop"))
    assert first == again
    assert set(first) == {f"{table}.csv" for table in TABLES} | {"study.toml", "truth.json", "truth_customers.csv"}
    assert [name for name in first if first[name] == other[name]] == ["study.toml"]


def test_study_toml_says_what_the_files_hold(bookshop, tmp_path):
    folder = bookshop.write(tmp_path / "a bookshop")
    study = tomllib.loads((folder / "study.toml").read_text("utf-8"))
    assert study["study"] == {
        "name": "a-bookshop",
        "title": "Simulated bookshop",
        "currency": "CNY",
        "timezone": "Asia/Shanghai",
    }
    assert study["engine"] == {"url": "duckdb://"}
    assert list(study["tables"]) == TABLES
    assert all((folder / table["source"]).is_file() for table in study["tables"].values())
    assert {table: said["columns"] for table, said in study["tables"].items() if "columns" in said} == {
        "transactions": {
            "amount": {"sql": "quantity * unit_price - discount"},
            "margin": {"sql": "quantity * (unit_price - unit_cost) - discount"},
        }
    }
    survey = study["survey"]
    assert (survey["scale"], survey["missing"], survey["model"]) == ([1, 10], [98, 99], "acsi")
    assert {construct: len(items) for construct, items in survey["constructs"].items()} == {
        "expectations": 3,
        "quality": 3,
        "value": 2,
        "satisfaction": 3,
        "complaints": 1,
        "loyalty": 2,
    }
    assert survey["codes"]["complained"] == [0, 1]
    assert survey["codes"]["price_tolerance"] == [0, 100]
    listed = {item for items in survey["constructs"].values() for item in items} | set(survey["codes"])
    assert listed <= set(bookshop.tables["survey"].columns)


def test_truth_json_is_the_truth(bookshop, tmp_path):
    told = json.loads((bookshop.write(tmp_path) / "truth.json").read_text("utf-8"))
    assert told == bookshop.truth
    assert told["version"] == 1
    topics = {"acsi", "kano", "trap", "loyalty", "churn", "regions", "campaigns", "purchases", "survey", "servqual"}
    topics |= {"delivered_value", "dirt"}
    assert topics <= set(told)
    assert [topic for topic in topics if "meaning" not in told[topic]] == []


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("customers", "customer_id joined birth_year gender region channel referrer_id acquisition_cost cost_to_serve"),
        ("transactions", "order_id customer_id time category quantity unit_price discount unit_cost"),
        ("contacts", "customer_id time kind channel resolved"),
        ("contracts", "customer_id start end monthly_fee plan"),
        ("campaigns", "customer_id time campaign arm cost response"),
        ("survey", "respondent_id customer_id time wave weight market competition"),
        ("kano", "respondent_id feature functional dysfunctional"),
    ],
)
def test_tables_have_the_columns_of_the_contract(bookshop, table, columns):
    assert set(columns.split()) <= set(bookshop.tables[table].columns)


def test_the_data_dictionary_names_every_column(bookshop):
    dictionary = DICTIONARY.read_text("utf-8")
    regular = ("servqual_", "rival_")
    named = [column for table in TABLES for column in bookshop.tables[table].columns if not column.startswith(regular)]
    assert [column for column in named if column not in dictionary] == []
    truths = [column.rstrip("012") for column in bookshop.people.columns]
    assert [column for column in truths if column not in dictionary] == []


@pytest.mark.parametrize("customers", [50, 500])
def test_small_companies_have_usable_tables(customers, tmp_path):
    small = simulate.company(customers=customers, seed=1)
    assert len(small.people) == customers
    assert all(len(small.tables[table]) >= customers // 10 for table in TABLES)
    assert small.truth["survey"]["respondents"] == round(0.3 * customers)
    small.write(tmp_path)


def test_other_calendars_work():
    short = simulate.company(customers=200, seed=1, start="2024-02-29", years=2)
    orders = short.tables["transactions"]
    seen = orders["time"][orders["time"].str[:4].isin(["2024", "2025", "2026"])].str[:10]
    assert short.truth["window"]["last_day"] == "2026-02-27"
    assert pd.to_datetime(seen, errors="coerce").max() <= pd.Timestamp("2026-02-27")
    assert set(short.tables["survey"]["wave"]) == {1, 2}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"customers": 49},
            "The customers parameter of company must be a whole number of at least 50 (fewer give no usable tables). "
            "Got 49 instead.",
        ),
        (
            {"customers": 100.5},
            "The customers parameter of company must be a whole number of at least 50 (fewer give no usable tables). "
            "Got 100.5 instead.",
        ),
        (
            {"years": 1},
            "The years parameter of company must be a whole number of at least 2 (two survey waves a year apart need "
            "them). Got 1 instead.",
        ),
        (
            {"seed": -1},
            "The seed parameter of company must be a whole number of at least 0 (generators take no negative seed). "
            "Got -1 instead.",
        ),
        (
            {"start": "soon"},
            "The start parameter of company must be a date such as 2023-01-01. Got 'soon' instead.",
        ),
        (
            {"start": None},
            "The start parameter of company must be a date such as 2023-01-01. Got None instead.",
        ),
    ],
)
def test_bad_arguments_are_named(arguments, sentence):
    with pytest.raises(UsageError) as caught:
        simulate.company(**arguments)
    assert str(caught.value) == sentence


# --- independent parts -----------------------------------------------------------------------------------------------


def test_every_part_has_its_own_number():
    assert len(set(setting.PARTS.values())) == len(setting.PARTS)


@pytest.mark.parametrize(
    ("parts", "changed"),
    [
        (["kano"], {"kano"}),
        (["contacts"], {"contacts"}),
        (["contracts"], {"contracts"}),
        (["answers"], {"survey"}),
        (["baskets"], {"transactions", "contacts"}),
        (["order times"], {"transactions", "contacts", "campaigns"}),
        (["campaigns", "lottery"], {"transactions", "contacts", "contracts", "campaigns", "survey"}),
    ],
)
def test_other_draws_in_one_part_leave_the_others_alone(monkeypatch, parts, changed):
    before = simulate.company(customers=400, seed=5, dirty=False)
    for part in parts:
        monkeypatch.setitem(setting.PARTS, part, 900 + setting.PARTS[part])
    after = simulate.company(customers=400, seed=5, dirty=False)
    assert {table for table in TABLES if not before.tables[table].equals(after.tables[table])} == changed


def test_campaigns_leave_the_first_wave_and_everything_before_them_alone(monkeypatch):
    before = simulate.company(customers=400, seed=5, dirty=False)
    for part in ("campaigns", "lottery"):
        monkeypatch.setitem(setting.PARTS, part, 900 + setting.PARTS[part])
    after = simulate.company(customers=400, seed=5, dirty=False)
    first_waves = [told.tables["survey"].query("wave == 1") for told in (before, after)]
    pd.testing.assert_frame_equal(*first_waves)
    feelings = [column for column in before.people if column not in ("left", "left_within_window", "uplift_group")]
    feelings = [column for column in feelings if not column.startswith(("trapped", "answered"))]
    pd.testing.assert_frame_equal(before.people[feelings], after.people[feelings])


def test_dirt_stands_between_the_clean_rows(bookshop, clean):
    for table in TABLES:
        dirty_lines = bookshop.tables[table].to_csv(index=False).splitlines()
        remaining = iter(dirty_lines)
        # `in` consumes the iterator: this holds only if the clean lines come in the same order.
        assert all(line in remaining for line in clean.tables[table].to_csv(index=False).splitlines()), table
    assert clean.truth["dirt"] == {"meaning": "no dirty rows were asked for"}
    assert {topic: clean.truth[topic] for topic in ("trap", "churn", "survey")} == {
        topic: bookshop.truth[topic] for topic in ("trap", "churn", "survey")
    }


def test_dirt_is_what_the_truth_counts(bookshop, clean):
    told = bookshop.truth["dirt"]
    rows = bookshop.tables["transactions"]
    counts = told["transactions"]
    day = pd.to_datetime(rows["time"], errors="coerce", format="%Y-%m-%d %H:%M:%S")
    second = rows["customer_id"].isin([link["second_id"] for link in told["second_records"]])
    found = {
        "without_customer": int(rows["customer_id"].isna().sum()),
        "text_in_quantity": int(pd.to_numeric(rows["quantity"], errors="coerce").isna().sum()),
        "impossible_date": int(day.isna().sum()),
        "far_future": int((day > "2026-12-31").sum()),
        "duplicate_lines": int(rows.duplicated().sum()),
        "orders_under_second_id": rows.loc[second, "order_id"].nunique(),
        "lines_under_second_id": int(second.sum()),
    }
    assert found == counts
    assert all(count >= 2 for count in counts.values())
    added = sum(count for kind, count in counts.items() if kind != "orders_under_second_id")
    assert len(rows) == len(clean.tables["transactions"]) + added
    customers = bookshop.tables["customers"].set_index("customer_id")
    assert len(customers) == 5000 + told["customers"]["second_records"]
    for link in told["second_records"]:
        one, other = customers.loc[link["customer_id"]], customers.loc[link["second_id"]]
        assert one[link["same"]] == other[link["same"]]
        assert one["name"] != other["name"]
        assert one["joined"] <= other["joined"]
    answers = bookshop.tables["survey"]
    scale = answers.filter(regex="^(expectations|quality|value|satisfaction|repurchase)_").isin([*range(1, 11), 98, 99])
    assert int((~scale).any(axis=1).sum()) == told["survey"]["out_of_range_answers"]


# --- facts that must hold between the tables -------------------------------------------------------------------------


def test_rows_refer_to_customers_and_respondents(bookshop):
    tables = bookshop.tables
    known = set(tables["customers"]["customer_id"])
    for table in ("transactions", "contacts", "contracts", "campaigns", "survey"):
        assert set(tables[table]["customer_id"].dropna()) <= known, table
    assert set(tables["kano"]["respondent_id"]) <= set(tables["survey"]["respondent_id"])
    assert not tables["customers"]["customer_id"].duplicated().any()
    assert not tables["survey"].duplicated(["respondent_id", "wave"]).any()
    panel = tables["survey"].dropna(subset="customer_id")
    pairs = panel[["respondent_id", "customer_id"]].drop_duplicates()
    assert len(pairs) == pairs["respondent_id"].nunique() == pairs["customer_id"].nunique() == 1500


def test_referrers_joined_earlier_and_are_the_loyal(clean, people):
    referred = clean.tables["customers"].dropna(subset="referrer_id")
    assert (people.loc[referred["referrer_id"], "joined"].to_numpy() < pd.to_datetime(referred["joined"])).all()
    assert len(referred) == clean.truth["loyalty"]["referrals"]["referred"] > 600
    assert people.loc[referred["referrer_id"], "loyalty_0"].mean() > people["loyalty_0"].mean() + 0.4


def test_nobody_orders_before_joining_or_after_leaving(lines, people):
    bought = lines[lines["quantity"] > 0]
    joined, left = (people.loc[bought["customer_id"], column].to_numpy() for column in ("joined", "left"))
    assert (bought["day"] >= joined).all()
    assert (bought["day"] <= left).all()
    assert bought["day"].between("2023-01-01", "2025-12-31").all()
    assert lines["day"].between("2023-01-01", "2025-12-31").all()


def test_newcomers_order_at_once(lines, newcomers):
    first = lines.groupby("customer_id")["day"].min().reindex(newcomers.index)
    wait = (first - newcomers["joined"]).dt.days
    assert first.notna().all()
    assert (wait == 0).mean() > 0.8
    assert wait.max() <= 14


def test_an_order_is_one_customer_on_one_day_with_different_categories(lines):
    bought = lines[lines["quantity"] > 0].groupby("order_id")
    assert bought.size().between(1, 4).all()
    bought = lines[lines["quantity"] > 0]
    orders = bought[["order_id", "customer_id", "time"]].drop_duplicates()
    assert orders["order_id"].is_unique
    assert orders["order_id"].is_monotonic_increasing
    assert not bought.duplicated(["order_id", "category"]).any()


def test_returns_undo_a_line_later(lines):
    keys = ["order_id", "category"]
    both = lines[lines["quantity"] < 0].merge(lines[lines["quantity"] > 0], on=keys, suffixes=("", "_bought"))
    assert len(both) == (lines["quantity"] < 0).sum() > 1000
    assert (both["amount"] == -both["amount_bought"]).all()
    assert (both["day"] > both["day_bought"]).all()
    assert (both["customer_id"] == both["customer_id_bought"]).all()


def test_memberships_end_after_they_begin_and_sooner_for_the_dissatisfied(clean, people):
    contracts = clean.tables["contracts"]
    began, ended = pd.to_datetime(contracts["start"]), pd.to_datetime(contracts["end"])
    assert (ended.dropna() > began[ended.notna()]).all()
    assert len(contracts) == clean.truth["membership"]["members"]
    assert int(ended.notna().sum()) == clean.truth["membership"]["ended_within_window"]
    satisfied = people.loc[contracts["customer_id"], "satisfaction_1"].to_numpy() > 0
    months = (ended.fillna(pd.Timestamp("2025-12-31")) - began).dt.days / 30.4375
    hazard = [ended[who].notna().sum() / months[who].sum() for who in (satisfied, ~satisfied)]
    assert hazard[0] < 0.7 * hazard[1]


# --- the truth, found again from outside -----------------------------------------------------------------------------


@pytest.mark.parametrize("period", [0, 1, 2])
def test_least_squares_on_the_feelings_gives_the_paths(clean, newcomers, period):
    told = pd.DataFrame(clean.truth["acsi"]["paths"])
    for target, paths in told.groupby("target"):
        causes = [newcomers[f"{source}_{period}"] for source in paths["source"]]
        found, errors, r2 = least_squares(causes, newcomers[f"{target}_{period}"].to_numpy())
        assert (np.abs(found[1:] - paths["path"]) < FAR * errors[1:]).all(), target
        assert abs(r2 - clean.truth["acsi"]["r2"][target]) < 0.05, target


def test_r2_and_total_effects_follow_from_the_paths(clean):
    told = clean.truth["acsi"]
    paths = {(path["source"], path["target"]): path["path"] for path in told["paths"]}
    total = {(effect["source"], effect["target"]): effect["effect"] for effect in told["total_effects"]}
    # by hand, along every route from quality to satisfaction and from satisfaction to loyalty
    direct = paths["quality", "satisfaction"]
    by_value = paths["quality", "value"] * paths["value", "satisfaction"]
    assert total["quality", "satisfaction"] == pytest.approx(direct + by_value)
    by_complaints = paths["satisfaction", "complaints"] * paths["complaints", "loyalty"]
    assert total["satisfaction", "loyalty"] == pytest.approx(paths["satisfaction", "loyalty"] + by_complaints)
    assert told["r2"]["quality"] == pytest.approx(paths["expectations", "quality"] ** 2)
    assert told["r2"]["complaints"] == pytest.approx(paths["satisfaction", "complaints"] ** 2)


def test_feelings_drift_as_stated(clean, newcomers):
    correlation = clean.truth["acsi"]["autocorrelation_between_periods"]
    for name in ("expectations", "satisfaction", "loyalty"):
        found = np.corrcoef(newcomers[f"{name}_0"], newcomers[f"{name}_1"])[0, 1]
        assert abs(found - correlation) < FAR * (1 - correlation**2) / np.sqrt(len(newcomers))


def test_items_are_answered_as_stated(clean):
    latent, error = np.random.default_rng(1).normal(size=(2, 100_000))
    for item in questionnaire.ALL:
        codes = item.answer(latent, error)
        assert abs(np.corrcoef(codes, latent)[0, 1] - item.observed_loading) < 0.01, item.name
        assert abs(codes.mean() - item.expected_mean) < 0.02 * (item.codes[-1] - item.codes[0]), item.name
    one = next(item for item in questionnaire.ALL if item.name == "satisfaction_overall")
    near = np.abs(latent - 1) < 0.05
    assert one.true_score(np.array([1.0]))[0] == pytest.approx(one.answer(latent, error)[near].mean(), abs=0.1)
    assert items.index([one], np.array([-6.0, 6.0])) == pytest.approx([0, 100], abs=1)


def test_answers_go_with_what_they_measure(clean, people):
    answers = clean.tables["survey"].query("wave == 2")
    for item in clean.truth["survey"]["items"][:14]:
        codes = answers[item["item"]].where(answers[item["item"]] < 98)
        latent = people.loc[answers["customer_id"], f"{item['measures']}_2"].set_axis(codes.index)
        known = codes.notna()
        found = np.corrcoef(codes[known], latent[known])[0, 1]
        # Those who answer are a little more alike than everybody is: correlations among them are a little lower.
        assert abs(found - item["loading_of_code"]) < 0.08, item["item"]
    unknown = clean.tables["survey"].filter(regex="_").isin([98, 99]).to_numpy().mean()
    assert 0.007 < unknown < 0.013


def test_weights_undo_who_answers_more_readily(clean, people):
    there = people[(people["joined"] <= "2024-05-02") & (people["left"] > "2024-06-16")]
    answers = clean.tables["survey"].query("wave == 1")
    rate = np.log(people.loc[answers["customer_id"], "orders_per_year"].to_numpy())
    error = rate.std() / np.sqrt(len(rate))
    everybody = np.log(there["orders_per_year"]).mean()
    assert rate.mean() - everybody > 3 * error
    assert abs(np.average(rate, weights=answers["weight"]) - everybody) < 2 * error


def test_leaving_follows_the_stated_hazard(monkeypatch):
    monkeypatch.setattr(contacts, "HAZARD_FACTORS", dict.fromkeys(contacts.HAZARD_FACTORS, 1.0))
    monkeypatch.setattr(campaigns, "GROUPS", {name: (rate, 1.0) for name, (rate, _) in campaigns.GROUPS.items()})
    plain = simulate.company(dirty=False)
    people, told = plain.people, plain.truth["churn"]
    begins = {int(month): hazard for month, hazard in told["hazard_per_month_from_month"].items()}
    waves = pd.to_datetime(plain.truth["window"]["wave_first_days"])
    month = pd.Timedelta(days=30.4375)
    cells = []
    for age in range(48):
        start = people["joined"] + age * month
        # left is known to the day; whoever leaves on the day a month ends is counted in that month
        there = people[(start >= "2023-01-01") & (people["left"] >= start) & (start < "2025-12-01")]
        start = start[there.index]
        period = (start >= waves[0]).astype(int) + (start >= waves[1]).astype(int)
        loyalty = there[[f"behavioural_loyalty_{number}" for number in range(3)]].to_numpy()
        loyalty = loyalty[np.arange(len(there)), period]
        base = begins[max(first for first in begins if first <= age)]
        hazard = base * np.exp(told["loyalty_effect_on_log_hazard_per_point"] * (loyalty - 50))
        left = (there["left"] < start + month).to_numpy()
        band = pd.cut(loyalty, [-np.inf, 40, 60, 80, np.inf]).codes
        cells.append(pd.DataFrame({"age": min(age // 6, 5), "band": band, "chance": 1 - np.exp(-hazard), "left": left}))
    found = pd.concat(cells)
    for by in ("age", "band"):
        groups = found.groupby(by)
        gone, expected = groups["left"].sum(), groups["chance"].sum()
        spread = np.sqrt(groups["chance"].apply(lambda chance: (chance * (1 - chance)).sum()))
        assert (np.abs(gone - expected) < FAR * spread).all(), pd.concat([gone, expected, spread], axis=1)


def test_who_was_there_before_the_window_is_a_survivor(people, newcomers):
    early = people[people["joined"] < "2022-07-01"]
    assert 0.25 < (people["joined"] < "2023-01-01").mean() < 0.4
    assert people["joined"].min() >= pd.Timestamp("2021-01-01")
    assert (early["left"] >= "2023-01-01").all()
    assert early["behavioural_loyalty_0"].mean() > newcomers["behavioural_loyalty_0"].mean() + 3


def test_handling_complaints_well_keeps_customers(clean, people):
    complaints = clean.tables["contacts"].query("kind == 'complaint'")
    day = pd.to_datetime(complaints["time"].str[:10])
    gone = (people.loc[complaints["customer_id"], "left"].to_numpy() - day).dt.days <= 210
    rate = gone.groupby(complaints["resolved"].to_numpy()).mean()
    assert rate["no"] > rate["yes"] + 0.1


def test_campaign_arms_are_a_fair_lottery(clean, people):
    lots = clean.tables["campaigns"]
    share = clean.truth["campaigns"]["treated_share"]
    for _, rows in lots.groupby("campaign"):
        treated = (rows["arm"] == "treated").to_numpy()
        assert abs(treated.mean() - share) < FAR * np.sqrt(share * (1 - share) / len(rows))
        for trait in ("behavioural_loyalty_1", "orders_per_year", "competition"):
            value = people.loc[rows["customer_id"], trait].to_numpy()
            error = value.std() * np.sqrt(1 / treated.sum() + 1 / (~treated).sum())
            assert abs(value[treated].mean() - value[~treated].mean()) < FAR * error, trait


def test_campaigns_do_what_the_truth_says(clean, people, lines):
    lots = clean.tables["campaigns"].assign(day=lambda rows: pd.to_datetime(rows["time"]))
    bought = lines.loc[lines["quantity"] > 0, ["customer_id", "day"]].drop_duplicates()
    after = lots[["customer_id", "day", "campaign"]].merge(bought, on="customer_id", suffixes=("", "_bought"))
    wait = (after["day_bought"] - after["day"]).dt.days
    ordered = after[(wait >= 0) & (wait < 30)].drop_duplicates(["customer_id", "campaign"])
    keys = pd.MultiIndex.from_frame(lots[["customer_id", "campaign"]])
    assert (keys.isin(pd.MultiIndex.from_frame(ordered[["customer_id", "campaign"]])) == lots["response"]).all()

    told = clean.truth["campaigns"]
    treated = lots["arm"] == "treated"

    def uplift(rows):
        one, other = rows.loc[treated, "response"], rows.loc[~treated, "response"]
        return one.mean() - other.mean(), np.sqrt(one.var() / len(one) + other.var() / len(other))

    gain, error = uplift(lots)
    assert abs(gain - told["expected_uplift_of_all_in_campaigns"]) < FAR * error
    assert gain > 3 * error
    group = people.loc[lots["customer_id"], "uplift_group"].to_numpy()
    gains = {name: uplift(lots[group == name]) for name in told["by_group"]}
    assert gains["persuadable"][0] > 3 * gains["persuadable"][1]
    assert gains["sleeping dog"][0] < -2 * gains["sleeping dog"][1]
    assert all(abs(gains[name][0]) < FAR * gains[name][1] for name in ("sure thing", "lost cause"))


def test_kano_answers_show_the_true_class(clean):
    table = ["QAAAO", "RIIIM", "RIIIM", "RIIIM", "RRRRQ"]
    answers = clean.tables["kano"]
    category = [
        table[row][column] for row, column in zip(answers["functional"] - 1, answers["dysfunctional"] - 1, strict=True)
    ]
    counted = pd.crosstab(answers["feature"], category, normalize="index")
    asked = clean.truth["kano"]["respondents"]
    assert asked == answers["respondent_id"].nunique() == round(0.6 * clean.truth["survey"]["answers_by_wave"]["1"])
    for feature, told in clean.truth["kano"]["features"].items():
        assert counted.loc[feature].idxmax() == told["class"]
        assert sum(told["shares"].values()) == pytest.approx(1)
        for letter, share in told["shares"].items():
            found = counted.loc[feature].get(letter, 0.0)
            assert abs(found - share) < FAR * np.sqrt(share * (1 - share) / asked) + 1e-12, (feature, letter)


def test_behavioural_loyalty_is_the_stated_curve(clean, newcomers):
    told = clean.truth["trap"]
    for region, curve in told["curve_by_region"].items():
        inside = newcomers[newcomers["region"] == region]
        index = inside["satisfaction_index_1"].to_numpy()
        first, second = curve["break_points"]
        causes = [
            np.minimum(index, first),
            np.clip(index - first, 0, second - first),
            np.maximum(index - second, 0),
            inside["switching_cost"],
            inside["habit"],
            -np.minimum(0, inside["basic_satisfaction_1"]),
            np.maximum(0, inside["latent_satisfaction_1"]),
        ]
        effects = told["effects"]
        expected = [
            *curve["slopes"],
            effects["switching_cost"],
            effects["habit"],
            -effects["basic_satisfaction_below_zero"],
            effects["latent_satisfaction_above_zero"],
        ]
        found, errors, _ = least_squares(causes, inside["behavioural_loyalty_1"].to_numpy())
        assert (np.abs(found[1:] - expected) < FAR * errors[1:]).all(), region
        low, flat, high = curve["slopes"]
        assert low > 2 * flat < high


def test_the_trap_grows_with_competition(clean, people):
    told = clean.truth["trap"]
    curves = told["curve_by_region"]
    order = sorted(curves, key=lambda region: curves[region]["competition"])
    width = [curves[region]["flat_zone_width"] for region in order]
    expected = [told["rate_by_region"][region]["wave_1"]["expected_rate"] for region in order]
    assert width == sorted(width)
    assert expected[-1] > 2.5 * expected[0]
    assert np.corrcoef(width, expected)[0, 1] > 0.9
    for wave in (1, 2):
        satisfied = people[people[f"trapped_wave_{wave}"].notna()]
        for region, rows in satisfied.groupby("region"):
            rate = told["rate_by_region"][region][f"wave_{wave}"]
            chance = rate["expected_rate"]
            assert rows[f"trapped_wave_{wave}"].mean() == pytest.approx(rate["rate"])
            assert abs(rate["rate"] - chance) < FAR * np.sqrt(chance * (1 - chance) / len(rows))
    wave = pd.Timestamp(clean.truth["window"]["wave_first_days"][0])
    trapped = people[people["trapped_wave_1"].fillna(0) == 1]
    assert (trapped["satisfaction_index_1"] >= told["satisfied_from"]).all()
    assert ((trapped["left"] - wave).dt.days <= told["days"]).all()


def test_planted_pairs_are_bought_together(clean, lines):
    bought = lines[lines["quantity"] > 0]
    basket = (pd.crosstab(bought["order_id"], bought["category"]) > 0).astype(float)
    lift = (basket.T @ basket / len(basket)) / np.outer(basket.mean(), basket.mean())
    planted = {frozenset(pair["pair"]): pair["weight"] for pair in clean.truth["purchases"]["associations"]}
    for one, other in itertools.combinations(basket.columns, 2):
        weight = planted.get(frozenset((one, other)), 1.0)
        lowest, highest = (0.5, 1.1) if weight == 1 else (1.15, 9) if weight > 1 else (0, 0.6)
        assert lowest < lift.loc[one, other] < highest, (one, other)


def test_the_shop_looks_like_a_shop(lines):
    bought = lines[lines["quantity"] > 0]
    orders = bought.groupby("customer_id")["order_id"].nunique()
    spent = lines.groupby("customer_id")["amount"].sum().sort_values(ascending=False)
    assert 11 < len(lines) / 5000 < 16
    assert 0.2 < (orders == 1).mean() < 0.3
    assert 0.55 < spent.head(len(spent) // 5).sum() / spent.sum() < 0.8
    assert 0.02 < (lines["quantity"] < 0).mean() < 0.05
    revenue = lines.groupby(lines["day"].dt.to_period("M"))["amount"].sum()
    years = revenue.groupby(revenue.index.year).sum()
    assert len(revenue) == 36
    assert (years / years.shift()).dropna().between(0.95, 1.4).all()
    # Each month against the same month of the other years, growth taken out: no spikes, no torn edges.
    level = revenue / years.reindex(revenue.index.year).to_numpy()
    season = level.groupby(level.index.month).transform("mean")
    assert (level / season).between(0.75, 1.25).all()
    assert level[level.index.month == 11].min() > 1.2 / 12


# --- how it is built -------------------------------------------------------------------------------------------------


def test_the_simulation_imports_no_engine_and_of_the_room_only_study_toml():
    rooms = ("crm_analysis.errors", "crm_analysis.study.config", "crm_analysis.study.simulate")
    allowed = ("numpy", "pandas", "scipy", *rooms)
    standard = {"__future__", "collections.abc", "dataclasses", "functools", "json", "pathlib", "re", "typing"}
    for path in Path(simulate.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name in standard or name.startswith(allowed), f"{path.name} imports {name}"
