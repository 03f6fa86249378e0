"""Knowledge base: what is stored comes back, is replaced and not doubled, and differences are those by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction import index, knowledge, pls
from crm_analysis.satisfaction.model import Construct, Model
from crm_analysis.satisfaction.score import IndexResult

MODEL = Model(
    "two", (Construct("quality", ("q1", "q2")), Construct("satisfaction", ("s1", "s2"))), (("quality", "satisfaction"),)
)


def measured(value, half=1.0, n=200):
    table = pd.DataFrame(
        {
            "construct": ["quality", "satisfaction"],
            "index": [value + 5, value],
            "index_low": [value + 5 - half, value - half],
            "index_high": [value + 5 + half, value + half],
        }
    )
    return IndexResult(table, pd.DataFrame(), pd.DataFrame(index=range(n)), "satisfaction", "model")


def stored(folder, values, *, study="shop", wording="", **settings):
    for wave, value in enumerate(values, start=1):
        knowledge.store(folder, measured(value, **settings), study=study, wave=f"w{wave}", wording=wording)
    return folder


def test_what_is_stored_comes_back_and_is_replaced_not_doubled(tmp_path):
    file = knowledge.store(tmp_path, measured(70.123456789012), study="shop", wave="2025", model="ACSI", wording="v1")
    assert file == tmp_path / "knowledge.csv"
    assert knowledge.store(file, measured(71.0), study="shop", wave="2026", model="ACSI", wording="v1") == file
    known = knowledge.read(file)
    assert list(known.columns) == list(knowledge.COLUMNS)
    assert known["index"].tolist() == [75.123456789012, 70.123456789012, 76.0, 71.0]
    knowledge.store(file, measured(72.0), study="shop", wave="2025", model="ACSI", wording="v1")
    again = knowledge.read(file)
    assert again["index"].tolist() == [77.0, 72.0, 76.0, 71.0]
    assert again["wave"].tolist() == ["2025", "2025", "2026", "2026"]
    knowledge.store(file, measured(60.0), study="shop", wave="2025", model="ACSI", wording="v2")
    assert len(knowledge.read(file)) == 6
    assert [path.name for path in tmp_path.iterdir()] == ["knowledge.csv"]


def test_names_that_look_like_numbers_or_nothing_stay_names(tmp_path):
    knowledge.store(tmp_path, measured(70.0), study="007", wave="NA")
    row = knowledge.read(tmp_path).iloc[0]
    assert (row["study"], row["wave"], row["model"], row["wording"]) == ("007", "NA", "", "")


@given(
    waves=st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=6), st.floats(0, 100)
        ),
        max_size=6,
    )
)
def test_whatever_the_waves_are_called_the_last_measurement_of_each_is_kept(waves, tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    for wave, value in waves:
        knowledge.store(folder, measured(value), study="shop", wave=wave)
    known = knowledge.read(folder)
    own = known[known["construct"] == "satisfaction"]
    assert own.set_index("wave")["index"].to_dict() == dict(waves)
    assert list(own["wave"]) == list(dict.fromkeys(wave for wave, _ in waves))


def test_changes_and_norm_by_hand(tmp_path):
    stored(tmp_path, [60.0], study="rival", half=3.0)
    stored(tmp_path, [70.0, 71.0, 75.0])
    found = knowledge.history(tmp_path)
    assert found.study == "shop"
    last = found.waves.iloc[-1]
    assert last["change"] == pytest.approx(4.0)
    assert last["change_high"] - last["change"] == pytest.approx(np.sqrt(2))
    norm = found.norm.iloc[0]
    assert norm["difference"] == pytest.approx(15.0)
    assert norm["difference_high"] - 15.0 == pytest.approx(np.sqrt(1 + 9))
    # Equal errors: the slope of least squares; scatter 3 / 0.26 over one degree of freedom widens it.
    assert found.slope[0] == pytest.approx(2.5)
    scatter = 1.5 / (1 / 1.959963984540054) ** 2
    half = 12.706204736 * np.sqrt(scatter / (2 * 1.959963984540054**2))
    assert found.slope[2] - 2.5 == pytest.approx(half)


def test_findings_in_whole(tmp_path):
    stored(tmp_path, [60.0], study="rival")
    stored(tmp_path, [71.0], study="other", half=4.0)
    stored(tmp_path, [70.0, 72.0, 74.2])
    assert knowledge.history(tmp_path).findings() == (
        "Satisfaction of shop in wave w3 stands at 74.2 (95 % interval 73.2 to 75.2) on the scale from 0 to 100.",
        "Since wave w2 it changed by +2.2 (95 % interval +0.8 to +3.6) points, more than chance gives if other people "
        "answered each time.",
        "Over its waves it moves by +2.1 points a wave (95 % interval +1.4 to +2.8): a trend.",
        "Other studies of the knowledge base: 2. It stands above 1 of them, below 0, and cannot be told apart from 1.",
        "The others stand between 60.0 and 71.0.",
    )
    alone = knowledge.history(tmp_path, study="rival", construct="quality")
    assert (
        alone.findings()[0]
        == "Quality of rival in wave w1 stands at 65.0 (95 % interval 64.0 to 66.0) on the scale from 0 to 100."
    )


def test_other_words_are_not_compared(tmp_path):
    stored(tmp_path, [70.0, 71.0], wording="v1")
    knowledge.store(tmp_path, measured(80.0), study="shop", wave="w3", wording="v2")
    found = knowledge.history(tmp_path)
    assert np.isnan(found.waves["change"].iloc[-1])
    assert found.findings()[1] == (
        "It cannot be compared with wave w2, which was asked in other words or with another model."
    )
    assert np.isnan(found.slope[0])


def test_another_model_is_not_compared_either(tmp_path):
    for wave, value, model in (("w1", 70.0, "ACSI"), ("w2", 71.0, "ACSI"), ("w3", 80.0, "ECSI")):
        knowledge.store(tmp_path, measured(value), study="shop", wave=wave, model=model)
    found = knowledge.history(tmp_path)
    assert found.waves["comparable"].tolist() == [False, True, False]
    assert np.isnan(found.waves["change"].iloc[-1])
    assert np.isnan(found.slope[0])


def test_other_studies_stand_where_they_were_measured_last(tmp_path):
    stored(tmp_path, [60.0, 65.0], study="rival")
    stored(tmp_path, [70.0])
    norm = knowledge.history(tmp_path).norm
    assert norm[["study", "wave", "index", "difference"]].to_numpy().tolist() == [["rival", "w2", 65.0, 5.0]]


def test_other_studies_by_another_model_are_no_norm(tmp_path):
    for study, model in (("rival", "ECSI"), ("other", "ACSI"), ("shop", "ACSI")):
        knowledge.store(tmp_path, measured(70.0), study=study, wave="w1", model=model)
    assert knowledge.history(tmp_path, study="shop").norm["study"].tolist() == ["other"]
    assert knowledge.history(tmp_path, study="rival").findings()[-1] == (
        "There is no other study, asked and measured alike, to compare with."
    )


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\x00\x81"])
def test_a_file_that_cannot_be_read_is_refused(text, tmp_path):
    (tmp_path / "broken.csv").write_bytes(text)
    with pytest.raises(DataError) as error:
        knowledge.read(tmp_path / "broken.csv")
    assert str(error.value) == ("knowledge: broken.csv cannot be read, so it is no knowledge base; name another.")


def test_numbers_that_are_texts_are_refused(tmp_path):
    file = knowledge.store(tmp_path, measured(70.0), study="shop", wave="w1")
    file.write_text(file.read_text("utf-8").replace("70.0", "seventy"), "utf-8")
    with pytest.raises(DataError) as error:
        knowledge.read(file)
    assert str(error.value) == "knowledge: the column 'index' of knowledge.csv holds texts; mend or delete these rows."


def test_an_index_by_wave_brings_its_waves(tmp_path):
    rng = np.random.default_rng(1)
    quality = rng.standard_normal(200)
    felt = {"q": quality, "s": 0.7 * quality + 0.7 * rng.standard_normal(200)}
    answers = pd.DataFrame(
        {
            f"{name}{k}": (5.5 + 1.5 * f + rng.standard_normal(200)).round().clip(1, 10)
            for name, f in felt.items()
            for k in (1, 2)
        }
    ).assign(wave=np.repeat([1, 2], 100))
    fit = pls.estimate(MODEL, answers)
    by_wave = index.compare(fit, answers, by="wave", scale=(1, 10), permutations=50)
    found = knowledge.history(knowledge.entries(by_wave, study="shop"))
    assert found.waves["wave"].tolist() == ["1", "2"]
    assert found.waves["index"].tolist() == by_wave.table["index"].tolist()
    whole = index.score(fit, answers, scale=(1, 10), bootstrap=50)
    rows = knowledge.entries(whole, study="shop", wave="2025")
    assert rows["respondents"].tolist() == [200, 200]
    with pytest.raises(UsageError) as error:
        knowledge.entries(by_wave, study="shop", wave="3")
    assert str(error.value) == "knowledge: an index by wave names its waves itself; leave wave out."
    empty = index.score(pls.estimate(MODEL, answers.iloc[:0]), answers.iloc[:0], scale=(1, 10))
    assert knowledge.entries(empty, study="shop").empty
    assert knowledge.history(knowledge.entries(empty, study="shop")).waves.empty


def test_what_is_refused(tmp_path):
    for action, kind, message in (
        (
            lambda: knowledge.store(tmp_path, measured(1.0), study=""),
            UsageError,
            "knowledge: the study needs a name, such as the one in its study.toml.",
        ),
        (
            lambda: knowledge.history(stored(tmp_path, [70.0]), study="x"),
            UsageError,
            "knowledge: the study 'x' was never measured; there are shop.",
        ),
        (
            lambda: knowledge.history(tmp_path, construct="x"),
            UsageError,
            "knowledge: 'x' was never measured; there are quality, satisfaction.",
        ),
    ):
        with pytest.raises(kind) as error:
            action()
        assert str(error.value) == message
    with pytest.raises(UsageError) as error:
        knowledge.store(tmp_path / "no" / "where.csv", measured(1.0), study="shop")
    assert str(error.value) == f"knowledge: the folder {tmp_path / 'no'} does not exist; make it first."
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(DataError) as data:
        knowledge.read(tmp_path / "other.csv")
    assert str(data.value) == "knowledge: other.csv has no column 'study', so it is no knowledge base; name another."


@pytest.mark.parametrize("waves", [0, 1, 2, 5])
def test_HistoryResult_keeps_the_contract(waves, tmp_path, keeps_result_contract):
    stored(tmp_path, [70.0 + k for k in range(waves)])
    keeps_result_contract(knowledge.history(tmp_path), pictures=("plot",))
    if waves:
        stored(tmp_path, [60.0], study="a study with a rather long name of its own", half=float("nan"))
        keeps_result_contract(knowledge.history(tmp_path, study="shop"), pictures=("plot",))
        keeps_result_contract(knowledge.history(tmp_path), pictures=("plot",))
