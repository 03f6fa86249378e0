"""What a caller may give by mistake: every odd input is refused in one sentence that names the cure, or answered."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import UsageError
from crm_analysis.loyalty import outcome, profile, score, trap

N = 60
IDS = [f"C{number:02d}" for number in range(N)]
FELT = pd.Series(np.linspace(20, 100, N), index=IDS)
DONE = pd.Series(np.arange(N) % 3 > 0, index=IDS).astype(float)
LATER = pd.DataFrame({"customer_id": IDS, "spend": np.arange(N)})
FRAME = pd.DataFrame({"customer_id": IDS, "categories": np.arange(N) % 7, "recommendation": np.arange(N) % 10 + 1})
DAYS = pd.DataFrame({"customer_id": IDS, "time": pd.Timestamp("2024-01-01"), "amount": 1.0, "recommendation": 5})


def refused(call):
    with pytest.raises(UsageError) as raised:
        call()
    return str(raised.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"satisfaction": FELT / 100 * 7}, "trap: satisfaction must be on a scale from 0 to 100, but its highest value "
         "is 7; rescale it, for answers from 1 to 10 as (answer - 1) / 9 * 100."),
        ({"satisfaction": FELT.where(FELT < 99, np.inf)}, "trap: satisfaction is infinite for 1 of 60 customers; make "
         "them missing."),
        ({"value": FELT.where(FELT < 99, np.inf)}, "trap: value is infinite for 1 of 60 customers; make them missing."),
        ({"satisfaction": DAYS["time"]}, "trap: satisfaction is not numeric; give numbers where more is better."),
        ({"behaviour": DONE.astype(complex)}, "trap: behaviour is not numeric; give numbers where more is better."),
        ({"satisfaction": FELT.set_axis(pd.MultiIndex.from_product([IDS, [1]]))}, "trap: satisfaction is indexed by "
         "2 levels; index it by customer_id alone."),
        ({"seed": -1}, "trap: seed must be a whole number, 0 or more, not -1."),
        ({"seed": None}, "trap: seed must be a whole number, 0 or more, not None."),
        ({"resamples": 200.5}, "trap: resamples must be a whole number, 100 or more, not 200.5."),
        ({"most_breaks": True}, "trap: most_breaks must be 0, 1 or 2, not True."),
        ({"satisfied_from": "70"}, "trap: satisfied_from must be 0 or more and at most 100, not '70'."),
        ({"satisfied_from": np.nan}, "trap: satisfied_from must be 0 or more and at most 100, not nan."),
        ({"loyal_from": 7}, "trap: loyal_from must be above 0 and at most 1, not 7."),
        ({"attitude": FELT, "attitude_from": "x"}, "trap: attitude_from must be a number, not 'x'."),
        ({"attitude_from": 5}, "trap: attitude_from cuts an attitude, but none is given; give attitude too."),
        ({"satisfaction_time": 2024, "behaviour_from": "2025-01-01"}, "trap: satisfaction_time must be a date, or a "
         "Series of dates indexed by customer_id."),
    ],
)  # fmt: skip
def test_detect_refuses_in_one_sentence(given, message):
    assert refused(lambda: trap.detect(**({"satisfaction": FELT, "behaviour": DONE} | given))) == message


def test_detect_answers_what_is_odd_but_clear():
    levels = (FELT > 60) * 100.0
    found = trap.detect(levels, DONE, resamples=100, satisfaction_time=pd.Timestamp("2024-01-01", tz="UTC"),
                        behaviour_from="2024-02-01", groups=pd.Series("X", index=IDS))  # fmt: skip
    assert found.explanations["contribution"].isna().all()
    assert not any("began before" in sentence for sentence in found.findings())
    assert trap.lagged(FELT, FELT, behaviour=DONE).findings() == (
        "Satisfaction of the two waves is the same for all 60 customers: the earlier adds nothing.",
    )
    assert refused(lambda: trap.remedies(FELT)) == "trap: remedies takes what trap.detect returned, not Series."
    for points in ("x", np.nan, np.inf):
        said = refused(lambda points=points: trap.remedies(found, value_points=points))
        assert said == f"trap: value_points must be above 0, not {points!r}."


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: score.measure([1]), "score: give a pandas DataFrame with one row per customer, not list."),
        (lambda: score.measure(FRAME.assign(customer_id=[None, *IDS[1:]])), "score: customer_id is missing in 1 of 60 "
         "rows; leave them out."),
        (lambda: score.measure(pd.concat([FRAME, FRAME[["categories"]]], axis=1)), "score: there are two columns "
         "'categories'; give each its own name."),
        (lambda: score.measure(FRAME.assign(recommendation="a lot")), "indicators: 60 of 60 values of 'recommendation' "
         "are no numbers, the first is 'a lot'; give numbers, or yes and no."),
        (lambda: score.measure(FRAME, ends={"recommendation": (1, 9)}), "indicators: 6 of 60 answers to "
         "'recommendation' lie outside 1 to 9, the first is 10; state the ends of its scale, or mend the answers."),
        (lambda: score.measure(FRAME, ends={"recommendation": 5}), "indicators: the ends of 'recommendation' must be "
         "two numbers, not 5."),
        (lambda: score.measure(FRAME, ends=[(1, 10)]), "indicators: ends must be a mapping such as {\"trust\": (1, 10)}"
         ", not [(1, 10)]."),
        (lambda: score.measure(FRAME, weights=None), "score: weights must be equal, entropy, critic or a mapping of "
         "numbers, not None."),
        (lambda: score.measure(FRAME, weights={"tenure": "a"}), "score: the weight of 'tenure' must be a number, not "
         "'a'."),
        (lambda: score.measure(FRAME, indicators=score.INDICATORS[:2], weights={"tenur": 1}), "score: weights names an "
         "indicator 'tenur' that is not known; known are repeat_rate, tenure."),
        (lambda: score.vary(FRAME), "score: vary takes what score.measure returned, not DataFrame."),
        (lambda: score.vary(score.measure(FRAME), seed=-1), "score: seed must be a whole number, 0 or more, not -1."),
        (lambda: score.validate(score.measure(FRAME).scores, LATER.assign(spend="a")), "indicators: 60 of 60 values of "
         "'spend' are no numbers, the first is 'a'; give numbers, or yes and no."),
        (lambda: profile.classify(FRAME, reliability=0.5), "profile: reliability must be a mapping such as {\"habit\": "
         "0.8}, not 0.5."),
        (lambda: profile.classify(FRAME, cuts={"habit": 500}), "profile: the cut of 'habit' must be 0 or more and at "
         "most 100, not 500."),
        (lambda: profile.classify(FRAME, seed=1.5), "profile: seed must be a whole number, 0 or more, not 1.5."),
        (lambda: profile.locate(FRAME), "profile: give a pandas Series indexed by customer_id, not DataFrame."),
        (lambda: profile.explain(FRAME, outcome="x"), "profile: there is no column 'x' with a measure of loyalty; name "
         "one that is there, or merge the scores of score.measure."),
        (lambda: profile.explain(FRAME, columns=dict.fromkeys("abcdefghijk", "categories")), "profile: there may be at "
         "most 10 drivers, not 11."),
        (lambda: outcome.follow(DAYS, DAYS.drop(columns="amount")), "outcome: purchases has no column 'amount'; it "
         "needs customer_id, amount and time."),
        (lambda: outcome.follow([1], DAYS), "outcome: answers must be a pandas DataFrame, not list."),
        (lambda: outcome.follow(DAYS, None), "outcome: purchases must be a pandas DataFrame, not NoneType."),
        (lambda: outcome.follow(DAYS.assign(time="x"), DAYS), "outcome: the times of answers are no dates; give dates "
         "such as 2025-06-30."),
        (lambda: outcome.follow(DAYS, DAYS, days=2.5), "outcome: days must be a whole number, 2 or more, not 2.5."),
        (lambda: outcome.follow(DAYS, DAYS, last_day="soon"), "outcome: last_day must be a date such as 2025-06-30, "
         "not 'soon'."),
        (lambda: outcome.follow(DAYS, DAYS, wave="spring"), "outcome: wave must be a place in the order of waves, such "
         "as 0 or -1, not 'spring'."),
    ],
)  # fmt: skip
def test_the_other_calls_refuse_in_one_sentence(call, message):
    assert refused(call) == message


def test_an_outcome_that_never_varies_is_still_drawn():
    both = FRAME.assign(objective=np.arange(N), subjective=np.arange(N)[::-1])
    tested = score.validate(both, LATER[["customer_id"]].assign(bought=True))
    assert "Bought does not differ between customers and tests nothing." in tested.findings()
    tested.plot()


def test_tables_that_do_not_meet_are_said_first():
    """Customers who are named otherwise in both tables would all look as if they had left."""
    asked = DAYS.drop(columns="amount").assign(satisfaction_overall=5)
    bought = DAYS[["customer_id", "amount"]].assign(customer_id=range(N), time="2024-06-01")
    found = outcome.follow(asked, bought, days=100, last_day=pd.Timestamp("2025-01-01", tz="UTC"))
    assert found.findings()[0] == (
        "Not one of 60 customers who answered is among the 60 who bought; check that both tables have the same "
        "customer_id."
    )
    other = outcome.follow(asked, bought, days=100, last_day="2025-01-01", items={"satisfaction": "mood"})
    assert other.findings()[1] == "Satisfaction was not asked by these items; name its items (items)."
