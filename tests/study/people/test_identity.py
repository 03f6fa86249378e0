"""Records that are one person: spelling, evidence, doubt; and the customer view per person against pandas."""

import datetime as dt
import json

import hypothesis.strategies as st
import ibis
import pandas as pd
import pytest
from hypothesis import Phase, given, settings

from crm_analysis.errors import UsageError
from crm_analysis.study import Study, customer360, simulate
from crm_analysis.study.people import identity, spelling
from crm_analysis.study.people.matching import MOST_NAMESAKES, MOST_SHARING

# Each example is several queries; shrinking a failure would take minutes.
FIND = (Phase.explicit, Phase.generate)
LINKS = ["customer_id", "same_as", "person_id", "evidence"]
DOUBTS = ["customer_id", "same_as", "evidence", "reason", "detail"]


def found(*records, **columns):
    """Identity of records given as dictionaries; ids are A, B, C and so on, in order of joining."""
    rows = pd.DataFrame([{"customer_id": chr(65 + place), **record} for place, record in enumerate(records)])
    return identity.find(ibis.memtable(rows.astype(columns)))


def linked(result):
    return [tuple(row) for row in result.links[["customer_id", "same_as", "evidence"]].itertuples(index=False)]


def doubted(result):
    return [tuple(row) for row in result.doubtful[["customer_id", "same_as", "reason"]].itertuples(index=False)]


# --- a company whose truth is known ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bookshop(tmp_path_factory):
    folder = simulate.company(customers=800, seed=11).write(tmp_path_factory.mktemp("study") / "bookshop")
    # The survey is wide and has no part in this.
    sections = "".join(
        f'[tables.{table}]\nsource = "{table}.csv"\n' for table in ("customers", "contacts", "transactions")
    )
    amount = 'columns = { amount = { sql = "quantity * unit_price - discount" } }\n'
    (folder / "study.toml").write_text(sections + amount, "utf-8")
    truth = json.loads((folder / "truth.json").read_text("utf-8"))["dirt"]["second_records"]
    return Study.open(folder), {(link["second_id"], link["customer_id"]) for link in truth}


def test_all_second_records_are_found_and_nothing_else(bookshop):
    study, truth = bookshop
    result = study.identity()
    assert len(truth) == 8
    links = set(zip(result.links["customer_id"], result.links["same_as"], strict=True))
    # Precision and recall, both 1; so on the demo study of 5,000 customers (50 of 50).
    assert links == truth
    assert result.persons == 800
    assert study.identity() is result


def test_without_contacts_names_and_birth_years_do_not_pretend(bookshop):
    study, truth = bookshop
    customers = study.table("customers")
    result = identity.find(customers.drop("phone", "email"))
    links = set(zip(result.links["customer_id"], result.links["same_as"], strict=True))
    assert result.evidence == ("name with birth year",)
    # A third of the second records has a shortened name, some no birth year: recall is lost, precision is not.
    assert links <= truth
    assert len(links) >= len(truth) / 3
    assert result.findings()[0].startswith("808 records are")


def test_a_view_per_person_keeps_the_totals(bookshop):
    study, truth = bookshop
    records, persons = study.customer360(), study.customer360(per="person")
    assert (len(records), len(persons)) == (808, 800)
    assert persons["monetary"].sum() == pytest.approx(records["monetary"].sum(), abs=1e-6)
    assert persons["acquisition_cost"].sum() == pytest.approx(records["acquisition_cost"].sum(), abs=1e-6)
    for total in ("frequency", "contacts", "complaints"):
        assert persons[total].sum() == records[total].sum()
    assert list(persons) == list(records)
    assert persons.dtypes.equals(records.dtypes)
    by_record, by_person = records.set_index("customer_id"), persons.set_index("customer_id")
    for second, first in truth:
        assert second not in by_person.index
        for total in ("frequency", "monetary"):
            whole = by_record.loc[first, total] + by_record.loc[second, total]
            assert by_person.loc[first, total] == pytest.approx(whole)
        assert by_person.loc[first, "joined"] == by_record.loc[first, "joined"]
    untouched = by_person.index.difference([first for _, first in truth])
    made = "referrals_made"
    pd.testing.assert_frame_equal(
        by_person.loc[untouched].drop(columns=made), by_record.loc[untouched].drop(columns=made)
    )


def test_nothing_later_enters_a_view_per_person(write_study):
    study = Study.open(
        write_study(
            {
                "customers": "customer_id,person_id,joined,region,acquisition_cost\n"
                "A,p,2024-01-01,,5\nB,p,2025-01-01,north,7\n",
                "transactions": "customer_id,time,amount\nA,2024-02-01,5\nB,2025-03-01,9\n",
            }
        )
    )
    before = study.customer360("2024-12-31", per="person").iloc[0]
    assert (before["acquisition_cost"], before["monetary"]) == (5, 5)
    assert pd.isna(before["region"])
    after = study.customer360(per="person").iloc[0]
    assert (after["customer_id"], after["region"], after["acquisition_cost"], after["monetary"]) == (
        "A",
        "north",
        12,
        14,
    )


def test_per_takes_two_words(bookshop):
    study, _ = bookshop
    with pytest.raises(UsageError) as error:
        study.customer360(per="household")
    assert str(error.value) == "per must be 'record' or 'person', not 'household'."


def test_a_wanted_column_that_is_not_there_is_named_per_person(bookshop):
    study, _ = bookshop
    assert list(study.customer360(columns=["frequency"], per="person")) == ["customer_id", "frequency"]
    with pytest.raises(UsageError, match=r"^customer360: there is no column 'loyalty' in the view; known are "):
        study.customer360(columns=["loyalty"], per="person")


def test_only_identifying_columns_leave_the_engine(bookshop, monkeypatch):
    study, _ = bookshop
    seen = []
    whole = ibis.Table.to_pandas
    monkeypatch.setattr(ibis.Table, "to_pandas", lambda table, **how: seen.append(table.columns) or whole(table, **how))
    identity.find(study.table("customers"))
    assert seen == [("customer_id", "joined", "birth_year", "gender", "phone", "email", "name")]


# --- spelling --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("13812345670", ("13812345670", "")),
        ("+86 138-1234-5670", ("13812345670", "")),
        ("0086 138 1234 5670", ("13812345670", "")),
        ("8613812345670", ("13812345670", "")),
        ("０１３８１２３４５６７０", ("13812345670", "")),
        ("(+49) 0171 / 2345 670", ("1712345670", "")),
        ("0171 2345670", ("1712345670", "")),
        ("+1 (212) 555-0123", ("2125550123", "")),
        ("+353 87 123 4560", ("871234560", "")),
        ("138****5670", ("138****5670", "masked")),
        ("138xxxx5670", ("138xxxx5670", "masked")),
        ("00000000", ("0000000", "dummy")),
        ("99999999999", ("9999999", "dummy")),
        ("13800000000", ("13800000000", "dummy")),
        ("1234567", ("1234567", "dummy")),
        ("none", ("", "")),
        ("110", ("", "")),
        ("0000123", ("", "")),
        ("", ("", "")),
    ],
)
def test_phone_numbers(written, read):
    assert spelling.phone(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (" Li.Na@Example.COM ", ("li.na@example.com", "")),
        ("mailto:li.na@example.com", ("li.na@example.com", "")),
        ("ｌｉ＠example.com", ("li@example.com", "")),
        ("l***a@example.com", ("l***a@example.com", "masked")),
        ("no-mail@shop.cn", ("no-mail@shop.cn", "dummy")),
        ("li.na", ("", "")),
        ("a@b@c.com", ("", "")),
        ("li@localhost", ("", "")),
    ],
)
def test_email_addresses(written, read):
    assert spelling.email(written) == read


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        ("Wang Liming", "liming  WANG", "same"),
        ("Wang Liming", "WANGLIMING", "same"),
        ("Wang Liming", "Wang L.", "same"),
        ("WANGLIMING", "Wang L.", "same"),
        ("王小明", "王 小明", "same"),
        ("王小明", "王先生", "same"),
        ("José Martínez", "Jose Martinez", "same"),
        ("Dr. Anna Maria Smith", "Smith, Anna", "same"),
        ("O'Brien Pat", "Pat OBrien", "same"),
        ("Anna Smith", "Bob Smith", "part"),
        ("Wang Liming", "WANGFANG", "part"),
        ("王小明", "王大卫", "part"),
        ("Anna Smith", "Bob Jones", "nothing"),
        ("王小明", "李娜", "nothing"),
        ("Wang Li", "Wang Xia", "part"),
    ],
)
def test_names(one, other, likeness):
    names = spelling.name(one), spelling.name(other)
    assert spelling.alike(*names) == spelling.alike(*reversed(names)) == likeness


def test_columns_are_found_by_their_usual_names():
    english = ["id", "Full Name", "Mobile_Phone", "phone2", "E-Mail", "city", "filename"]
    assert spelling.columns(english) == {
        "phone": ["Mobile_Phone", "phone2"],
        "e-mail": ["E-Mail"],
        "name": ["Full Name"],
    }
    chinese = ["编号", "姓名", "手机号码", "电话", "电子邮箱"]
    assert spelling.columns(chinese) == {"phone": ["手机号码", "电话"], "e-mail": ["电子邮箱"], "name": ["姓名"]}
    assert spelling.columns(["first_name", "Last Name"])["name"] == ["Last Name", "first_name"]


# --- evidence and doubt ----------------------------------------------------------------------------------------------


def test_links_are_transitive_and_the_earliest_record_names_the_person():
    result = found(
        {"joined": pd.Timestamp("2024-03-01"), "phone": "13812345670", "email": None},
        {"joined": pd.Timestamp("2023-01-01"), "phone": "+86 13812345670", "email": "li@example.com"},
        {"joined": None, "phone": None, "email": "LI@example.com"},
        {"joined": pd.Timestamp("2024-01-01"), "phone": "13912345670", "email": "wu@example.com"},
    )
    assert linked(result) == [("A", "B", "phone"), ("C", "B", "e-mail")]
    assert result.members.to_dict("list") == {
        "customer_id": ["B", "A", "C"],
        "person_id": ["B", "B", "B"],
        "place": [0, 1, 2],
    }
    assert (result.records, result.persons, result.largest) == (4, 2, 3)
    assert result.findings() == (
        "4 records are 2 persons, judged by phone or e-mail: 2 records (50.0 %) are of somebody who is there already.",
        "The commonest evidence is the same e-mail (1 of 2 links); links that rest on more than one thing: 0.",
        "The most records of one person are 3.",
    )
    assert result.metrics() == {
        "records": 4,
        "persons": 2,
        "links": 2,
        "doubtful_pairs": 0,
        "largest_person_records": 3,
    }


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ({"name": "Li Na", "birth_year": 1980}, {"name": "Li Na", "birth_year": 1981}, "different birth years"),
        ({"name": "Li Na", "gender": "F"}, {"name": "Li Na", "gender": "m"}, "different genders"),
        ({"name": "Li Na"}, {"name": "Wu Jun"}, "names that share nothing"),
        ({"name": "Anna Smith"}, {"name": "Bob Smith"}, "names that differ in part"),
    ],
)
def test_a_contradiction_under_one_phone_is_doubtful(one, other, reason):
    result = found(one | {"phone": "13812345670"}, other | {"phone": "013812345670"})
    assert linked(result) == []
    assert doubted(result) == [("B", "A", reason)]
    assert result.findings()[1] == f"1 doubtful pair is listed and not linked: {reason} (1)."


def test_a_changed_surname_with_the_same_birth_year_is_no_contradiction():
    married = {"phone": "13812345670", "birth_year": 1980}
    result = found(married | {"name": "Anna Smith"}, married | {"name": "Anna Jones"})
    assert linked(result) == [("B", "A", "phone, birth year")]


def test_a_third_record_does_not_join_two_that_contradict_each_other():
    result = found(
        {"phone": "13812345670", "email": None, "birth_year": 1980},
        {"phone": "13812345670", "email": "li@example.com", "birth_year": None},
        {"phone": None, "email": "li@example.com", "birth_year": 1960},
        birth_year="Int64",
    )
    assert linked(result) == [("B", "A", "phone")]
    assert doubted(result) == [("C", "B", "different birth years in other records of the two")]


@pytest.mark.parametrize(
    ("phone", "reason"), [("00000000", "dummy phone"), ("138****5670", "masked phone"), ("13812345670", "")]
)
def test_worthless_and_widely_shared_phones_link_nobody(phone, reason):
    several = MOST_SHARING + 1
    result = found(*[{"phone": phone}] * several)
    assert linked(result) == []
    assert set(result.doubtful["reason"]) == {reason or "phone shared by many records"}
    assert set(result.doubtful["detail"]) == {f"in {several} records"}
    # Each is paired with the first only: a number in n records makes n - 1 pairs.
    assert set(result.doubtful["same_as"]) == {"A"}
    fewer = found(*[{"phone": phone}] * MOST_SHARING)
    assert len(fewer.links) == (0 if reason else MOST_SHARING - 1)


def test_a_pair_in_doubt_that_other_evidence_links_is_in_doubt_no_longer():
    result = found(*[{"phone": "00000000", "email": "li@example.com"}] * 2)
    assert linked(result) == [("B", "A", "e-mail")]
    assert result.doubtful.empty


def test_the_same_name_and_birth_year_link_unless_contacts_differ():
    one = {"name": "Li Na", "birth_year": 1980, "phone": "13812345670", "email": "li@example.com"}
    result = found(one, one | {"phone": None, "email": None, "name": "NA LI"})
    assert linked(result) == [("B", "A", "name, birth year")]
    elsewhere = one | {"phone": "13912345670", "email": "na@example.com"}
    result = found(one, elsewhere)
    assert (linked(result), doubted(result)) == ([], [("B", "A", "another phone or e-mail")])
    result = found(one, elsewhere | {"phone": "13812345670"})
    assert linked(result) == [("B", "A", "phone, name, birth year")]
    result = found(one | {"gender": "f"}, one | {"phone": None, "email": None, "gender": "m"})
    assert doubted(result) == [("B", "A", "different genders")]


def test_common_names_are_left_to_chance():
    # Thirteen people of one name born in 13 years and one more in the last: of 91 pairs about two fall on one year.
    namesakes = [{"name": "Li Na", "birth_year": 1980 + place} for place in range(13)]
    result = found(*namesakes, {"name": "Li Na", "birth_year": 1992})
    assert doubted(result) == [("N", "M", "chance explains it")]
    assert result.doubtful["detail"].tolist() == ["1.8 expected by chance, 1 found"]
    many = [{"name": "Li Na", "birth_year": 1980}] * (MOST_NAMESAKES + 1)
    result = found(*many)
    assert set(result.doubtful["detail"]) == {"21 persons bear the name"}
    assert len(result.doubtful) == MOST_NAMESAKES


def test_rare_names_link_where_namesakes_are_few():
    # Two hundred names that two records bear, half of them born in the same year: chance makes four of these.
    records = []
    for place in range(200):
        name = f"{chr(0x4E00 + place)}{chr(0x5000 + place)}"
        year = 1950 + place % 50
        records += [{"name": name, "birth_year": year}, {"name": name, "birth_year": year + (place >= 100)}]
    rows = pd.DataFrame(records).assign(customer_id=[f"{place:03d}" for place in range(400)])
    result = identity.find(ibis.memtable(rows))
    assert len(result.links) == 100
    # Half of twenty names: 0.4 expected, ten found. One of eleven: 0.2 expected, one found.
    assert len(identity.find(ibis.memtable(rows.iloc[180:220])).links) == 10
    assert identity.find(ibis.memtable(rows.iloc[198:220])).links.empty


def test_a_given_person_wins():
    one = {"phone": "13812345670"}
    result = found(
        one | {"person_id": "7"}, one | {"person_id": "8"}, one | {"person_id": "7"}, one | {"person_id": None}
    )
    assert result.links.to_numpy().tolist() == [["C", "A", "A", "given person_id"]]
    assert result.doubtful.empty
    assert result.findings() == (
        "4 records are 3 persons, judged by the given person_id: 1 record (25.0 %) is of somebody who is there "
        "already.",
    )


def test_an_empty_person_decides_nothing():
    result = found(*[{"phone": "13812345670", "person_id": None}] * 2, person_id="string")
    assert linked(result) == [("B", "A", "phone")]


def test_codes_of_gender_do_not_contradict_each_other():
    result = found(*[{"phone": "13812345670", "gender": code} for code in ("F", "女", " female", None)])
    assert len(result.links) == 3
    codes = {"M": "male", "男": "male", "Ｍale": "male", "w": "female", "2": "2", "U": "", "unknown": ""}
    assert {code: spelling.gender(code) for code in codes} == codes


def test_several_columns_and_several_numbers_in_a_cell_count():
    result = found(
        {"Phone": "13812345670 / 13912345670", "手机": None},
        {"Phone": None, "手机": 13912345670},
        手机="Int64",
    )
    assert linked(result) == [("B", "A", "phone")]


def test_numbers_read_as_decimals_are_phone_numbers():
    assert linked(found({"tel": 13812345670.0}, {"tel": 13812345670.0}, {"tel": None})) == [("B", "A", "phone")]


PHONES = st.sampled_from([None, "13812345670", "+8613812345670", "13912345671", "00000000", "1381234567*"])
PEOPLE = st.lists(
    st.fixed_dictionaries(
        {
            "phone": PHONES,
            "email": st.sampled_from([None, "li@example.com", "LI@example.com", "wu@example.com"]),
            "name": st.sampled_from([None, "Li Na", "NALI", "Wu Jun", "Li Jun"]),
            "birth_year": st.none() | st.sampled_from([1960, 1980]),
            "gender": st.sampled_from([None, "f", "m"]),
        }
    ),
    min_size=1,
    max_size=9,
)


@settings(max_examples=20, phases=FIND)
@given(PEOPLE, st.randoms(use_true_random=False))
def test_no_person_contradicts_itself_and_the_order_of_rows_does_not_matter(people, random):
    rows = pd.DataFrame(people).astype(
        {"birth_year": "Int64", "phone": "str", "email": "str", "name": "str", "gender": "str"}
    )
    rows = rows.mask(rows.isin(["nan", "None"])).assign(customer_id=[chr(65 + place) for place in range(len(rows))])
    result = identity.find(ibis.memtable(rows))
    person = dict(zip(result.members["customer_id"], result.members["person_id"], strict=True))
    rows["person"] = [person.get(who, who) for who in rows["customer_id"]]
    assert rows.groupby("person")[["birth_year", "gender"]].nunique().max(axis=None) <= 1
    assert rows["person"].nunique() == result.persons == result.records - len(result.links)
    assert (
        rows.groupby("person")["customer_id"].min() == rows["person"].drop_duplicates().sort_values().tolist()
    ).all()
    apart = result.doubtful["customer_id"].map(lambda who: person.get(who, who))
    assert (apart != result.doubtful["same_as"].map(lambda who: person.get(who, who))).all()
    shuffled = rows.drop(columns="person").sample(frac=1, random_state=random.randrange(1000))
    again = identity.find(ibis.memtable(shuffled))
    for name, frame in result.frames().items():
        pd.testing.assert_frame_equal(again.frames()[name], frame)


# --- nothing to go by ------------------------------------------------------------------------------------------------


def test_nothing_to_go_by_is_said():
    assert identity.find(None).findings() == ("No customers in this study, so there are no records to compare.",)
    bare = found({"region": "north"}, {"region": "south"})
    assert bare.findings() == (
        "No column of customers tells whether its 2 records are as many persons: a phone, an e-mail, a name with a "
        "birth year or a person_id is needed.",
    )
    assert found({"name": "Li Na"}).evidence == ()
    alone = found({"phone": "13812345670"})
    assert alone.findings() == ("1 record is 1 person, judged by phone: no record repeats another.",)
    empty = alone.frames()
    assert (list(empty["links"]), list(empty["doubtful"])) == (LINKS, DOUBTS)
    assert list(empty["outcomes"]) == ["evidence", "outcome", "pairs"]


def test_a_study_of_orders_alone_has_a_view_per_person(write_study):
    study = Study.open(write_study({"transactions": "customer_id,time,amount\nA,2025-01-01,5\n"}))
    pd.testing.assert_frame_equal(study.customer360(per="person"), study.customer360())


def test_IdentityResult_keeps_the_contract(bookshop, keeps_result_contract):
    study, _ = bookshop
    keeps_result_contract(study.identity(), pictures=("plot",))
    keeps_result_contract(identity.find(None), pictures=("plot",))
    keeps_result_contract(found({"region": "north"}), pictures=("plot",))
    keeps_result_contract(found({"phone": "13812345670"}), pictures=("plot",))
    dirty = [{"phone": phone, "name": name} for phone in ("00000000", "13812345670") for name in ("Li Na", "Wu Jun")]
    keeps_result_contract(found(*dirty), pictures=("plot",))


def test_the_picture_tells_linked_pairs_from_doubtful_ones():
    result = found(*[{"phone": "13812345670"}] * 3, *[{"phone": "00000000"}] * 2)
    ax = result.plot()
    assert [bar.get_width() for bar in ax.patches] == [2, 1]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["phone: linked", "phone: dummy phone"]
    assert len({bar.get_facecolor() for bar in ax.patches}) == 2


# --- per person, against pandas --------------------------------------------------------------------------------------

IDS = list("ABCDE")
TIMES = [dt.datetime(2024, 1, 1), dt.datetime(2025, 3, 1, 9), dt.datetime(2025, 6, 30, 23), dt.datetime(2025, 8, 1)]
MEMBERS = pd.DataFrame(
    [("A", "A", 0), ("C", "A", 1), ("E", "A", 2), ("B", "B", 0), ("D", "B", 1)],
    columns=["customer_id", "person_id", "place"],
)


def logs(**columns):
    return st.lists(st.fixed_dictionaries(columns), min_size=1, max_size=12).map(pd.DataFrame)


@st.composite
def companies(draw):
    ids = draw(st.lists(st.sampled_from(IDS), unique=True, min_size=1))
    customers = pd.DataFrame(
        {
            "customer_id": ids,
            "joined": pd.to_datetime([draw(st.sampled_from(TIMES)) for _ in ids]),
            "region": [draw(st.sampled_from([None, "north", "south"])) for _ in ids],
            "acquisition_cost": [draw(st.sampled_from([None, 1.0, 2.5])) for _ in ids],
            "referrer_id": [draw(st.sampled_from([None, *IDS, "Z"])) for _ in ids],
        }
    ).astype({"region": "str", "referrer_id": "str", "acquisition_cost": "float64"})
    orders = draw(
        logs(
            customer_id=st.sampled_from([*IDS, "F"]),
            time=st.sampled_from(TIMES),
            amount=st.sampled_from([1.0, 2.5, -1.0]),
            order_id=st.sampled_from(["1", "2", "3"]),
        )
    )
    contacts = draw(
        logs(
            customer_id=st.sampled_from(IDS),
            time=st.sampled_from(TIMES),
            kind=st.sampled_from(["complaint", "service"]),
        )
    )
    return {"customers": customers, "transactions": orders, "contacts": contacts}


@settings(max_examples=6, phases=FIND)
@given(companies())
def test_a_view_per_person_equals_relabelled_tables(tables):
    as_of = dt.date(2025, 6, 30)

    def view(held, **how):
        ready = {name: ibis.memtable(table) for name, table in held.items()}
        return customer360.to_pandas(customer360.expression(ready, as_of=as_of, **how))

    person = dict(zip(MEMBERS["customer_id"], MEMBERS["person_id"], strict=True))
    place = dict(zip(MEMBERS["customer_id"], MEMBERS["place"], strict=True))
    relabelled = {
        name: table.assign(customer_id=table["customer_id"].replace(person)) for name, table in tables.items()
    }
    known = tables["customers"]
    known = known[known["joined"] < pd.Timestamp("2025-07-01")]
    known = known.assign(place=known["customer_id"].map(place)).sort_values("place")
    known = known.assign(
        customer_id=known["customer_id"].replace(person), referrer_id=known["referrer_id"].replace(person)
    )
    merged = known.groupby("customer_id", as_index=False).agg(
        joined=("joined", "first"),
        region=("region", "first"),
        acquisition_cost=("acquisition_cost", lambda costs: costs.sum(min_count=1)),
        referrer_id=("referrer_id", "first"),
    )
    merged["referrer_id"] = merged["referrer_id"].mask(merged["referrer_id"] == merged["customer_id"])
    relabelled["customers"] = merged.astype(tables["customers"].dtypes.to_dict())
    found, expected = view(tables, members=MEMBERS), view(relabelled)
    pd.testing.assert_frame_equal(found, expected)
    assert found["monetary"].sum() == pytest.approx(view(tables)["monetary"].sum())
