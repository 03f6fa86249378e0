"""Rule tables: every combination of scores has one name, or the table is refused."""

import json
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_analysis.errors import UsageError
from crm_analysis.segmentation.rules import Rule, audit, check, standard

PUBLISHED = json.loads((Path(__file__).parents[1] / "reference" / "rfm_package_rules.json").read_text("utf-8"))


@pytest.fixture
def published():
    spans = (PUBLISHED[name] for name in ("recency", "frequency", "monetary"))
    return tuple(Rule(name, *map(tuple, found)) for name, *found in zip(PUBLISHED["segments"], *spans, strict=True))


@pytest.mark.parametrize("bins", range(3, 10))
def test_the_standard_table_is_sound(bins):
    rules = standard(bins)
    found = audit(rules, bins=bins)
    assert found.sound
    assert found.combinations == bins**3
    assert sum(len(list(rule.cells())) for rule in rules) == bins**3
    assert len({rule.segment for rule in rules}) == len(rules) == 11
    assert all(rule.advice for rule in rules)
    check(rules, bins=bins)


def test_the_standard_table_names_the_corners():
    names = {cell: rule.segment for rule in standard(5) for cell in rule.cells()}
    assert {cell: names[cell] for cell in [(5, 5, 5), (5, 1, 5), (1, 5, 5), (1, 1, 1), (3, 3, 3), (1, 5, 1)]} == {
        (5, 5, 5): "Champions",
        (5, 1, 5): "New or occasional",
        (1, 5, 5): "Cannot lose",
        (1, 1, 1): "Lost",
        (3, 3, 3): "Promising",
        (1, 5, 1): "At risk",
    }


def test_names_need_three_classes():
    with pytest.raises(UsageError) as error:
        standard(2)
    assert str(error.value) == ("rfm: named segments need 3 classes or more, not 2; ask for more bins or give rules.")


def test_a_well_known_table_places_58_combinations_twice_and_misses_10(published):
    found = audit(published, bins=PUBLISHED["bins"])
    assert len(found.twice) == PUBLISHED["placed_twice"] == 58
    assert len(found.missed) == PUBLISHED["missed"] == 10
    assert found.unreachable == ()
    assert not found.sound
    assert found.metrics() == {"combinations": 125, "placed_twice": 58, "missed": 10, "unreachable": 0}
    # Counted once more, without the package.
    claims = {
        cell: [
            name
            for name, *spans in zip(
                PUBLISHED["segments"], *(PUBLISHED[axis] for axis in ("recency", "frequency", "monetary")), strict=True
            )
            if all(low <= score <= high for score, (low, high) in zip(cell, spans, strict=True))
        ]
        for cell in product(range(1, 6), repeat=3)
    }
    assert found.twice == {cell: tuple(names) for cell, names in claims.items() if len(names) > 1}
    assert found.missed == tuple(cell for cell, names in claims.items() if not names)


def test_it_is_refused_with_what_is_wrong(published):
    with pytest.raises(UsageError) as error:
        check(published, bins=5)
    assert str(error.value) == (
        "rfm: the rule table is not sound, correct its spans. 58 of 125 score combinations are placed more than once, "
        "the first of them 124 (At Risk and Lost). 10 of 125 score combinations are placed nowhere, the first of them "
        "215."
    )


def test_unreachable_rules_are_named():
    rules = (
        Rule("all", (1, 3), (1, 3), (1, 3)),
        Rule("turned", (3, 1), (1, 3), (1, 3)),
        Rule("beyond", (4, 5), (1, 3), (1, 3)),
    )
    assert audit(rules, bins=3).findings() == ("No customer can reach turned, beyond.",)
    with pytest.raises(UsageError) as error:
        check(rules, bins=3)
    assert str(error.value) == (
        "rfm: the rule table is not sound, correct its spans. No customer can reach turned, beyond."
    )


def test_an_empty_table_misses_everything():
    assert audit((), bins=2).findings() == ("8 of 8 score combinations are placed nowhere, the first of them 111.",)


spans = st.tuples(st.integers(0, 4), st.integers(0, 4))


@given(st.lists(st.builds(Rule, st.sampled_from("abc"), spans, spans, spans), max_size=6))
def test_the_audit_counts_what_is_there(rules):
    found = audit(rules, bins=3)
    inside = [[cell for cell in rule.cells() if min(cell) >= 1 and max(cell) <= 3] for rule in rules]
    covered = set().union(*map(set, inside)) if inside else set()
    assert len(found.missed) == 27 - len(covered)
    assert sum(len(segments) - 1 for segments in found.twice.values()) == sum(map(len, inside)) - len(covered)
    assert len(found.unreachable) == sum(not cells for cells in inside)
    assert found.sound == (
        sorted(cell for cells in inside for cell in cells) == sorted(product((1, 2, 3), repeat=3))
        and not found.unreachable
    )


def test_AuditResult_keeps_the_contract(published, keeps_result_contract):
    keeps_result_contract(audit(standard(5), bins=5))
    keeps_result_contract(audit(published, bins=5))
    hostile = audit((Rule("<script>x</script>", (1, 2), (1, 2), (1, 2), "<b>"),), bins=2)
    keeps_result_contract(hostile)
    assert "<script" not in hostile._repr_html_()


def test_the_table_for_readers():
    assert audit(standard(5), bins=5).to_frame().iloc[0].to_dict() == {
        "segment": "Champions",
        "recency": "4-5",
        "frequency": "4-5",
        "monetary": "4-5",
        "advice": "thank them, ask for referrals, try new things with them first",
    }
    assert audit(standard(3), bins=3).to_frame().loc[0, "recency"] == "3"
