"""Wording: the standard questions of satisfaction models, in English and Chinese.

The questions are worded for this package after the variables of the models' sources: Fornell et al. (1996) for the
ACSI, Tenenhaus et al. (2005) for the ECSI, GB/T 19038-2009 for the CCSI. ``{provider}`` stands for who is rated.
"""

from __future__ import annotations

from crm_analysis.satisfaction.asking.question import RATING, Question, Wording

_RECOMMENDATION, _PERCENT, _YES_NO = (0, 10), (0, 100), (0, 1)


def _ask(
    construct: str,
    item: str,
    english: tuple[str, ...],
    chinese: tuple[str, ...],
    scale: tuple[int, int] | None = RATING,
) -> Question:
    return Question(item, construct, scale, {"en": Wording(*english), "zh": Wording(*chinese)})


_POOR, _POOR_ZH = ("very poor", "very good"), ("非常差", "非常好")
_WELL, _WELL_ZH = ("not at all", "fully"), ("完全不能", "完全能够")
_OFTEN, _OFTEN_ZH = ("very often", "never"), ("经常出错", "从不出错")
_AGREE, _AGREE_ZH = ("do not agree at all", "agree fully"), ("完全不同意", "完全同意")
_LIKELY, _LIKELY_ZH = ("not at all likely", "extremely likely"), ("完全不可能", "极有可能")

_QUESTIONS = (
    _ask(
        "image",
        "image_overall",
        ("All in all, what image do you have of {provider}?", *_POOR),
        ("总体而言，您对{provider}的品牌形象评价如何？", *_POOR_ZH),
    ),
    _ask(
        "image",
        "image_distinctiveness",
        ("How clearly does {provider} stand out from others of its kind?", "not at all", "very clearly"),
        ("与同类品牌相比，{provider}的特色是否鲜明？", "完全不鲜明", "非常鲜明"),
    ),
    _ask(
        "image",
        "image_reputation",
        ("{provider} has a good name.", *_AGREE),
        ("{provider}有良好的声誉。", *_AGREE_ZH),
    ),
    _ask(
        "image",
        "image_expertise",
        ("{provider} knows its trade.", *_AGREE),
        ("{provider}在本行业是内行。", *_AGREE_ZH),
    ),
    _ask(
        "image",
        "image_responsibility",
        ("{provider} acts responsibly.", *_AGREE),
        ("{provider}做事负责任。", *_AGREE_ZH),
    ),
    _ask(
        "expectations",
        "expectations_overall",
        (
            "Think back to before you first bought from {provider}. All in all, how good did you expect it to be?",
            *_POOR,
        ),
        ("请回想您首次在{provider}消费之前：您当时预期它的总体质量如何？", *_POOR_ZH),
    ),
    _ask(
        "expectations",
        "expectations_customisation",
        ("At that time, how well did you expect {provider} to meet your personal needs?", *_WELL),
        ("当时，您预期{provider}能在多大程度上满足您的个人需求？", *_WELL_ZH),
    ),
    _ask(
        "expectations",
        "expectations_reliability",
        ("At that time, how often did you expect things to go wrong with {provider}?", *_OFTEN),
        ("当时，您预期{provider}的产品或服务出错的频率如何？", *_OFTEN_ZH),
    ),
    _ask(
        "expectations",
        "expectations_service",
        ("At that time, how good did you expect the service of {provider} to be?", *_POOR),
        ("当时，您预期{provider}的服务质量如何？", *_POOR_ZH),
    ),
    _ask(
        "quality",
        "quality_overall",
        ("And in your experience since then: all in all, how good is {provider}?", *_POOR),
        ("根据您此后的实际体验：{provider}的总体质量如何？", *_POOR_ZH),
    ),
    _ask(
        "quality",
        "quality_customisation",
        ("How well does {provider} meet your personal needs?", *_WELL),
        ("{provider}能在多大程度上满足您的个人需求？", *_WELL_ZH),
    ),
    _ask(
        "quality",
        "quality_reliability",
        ("How often do things go wrong with {provider}?", *_OFTEN),
        ("{provider}的产品或服务出错的频率如何？", *_OFTEN_ZH),
    ),
    _ask(
        "quality",
        "quality_service",
        ("How good is the service of {provider}?", *_POOR),
        ("{provider}的服务质量如何？", *_POOR_ZH),
    ),
    _ask(
        "value",
        "value_price_given_quality",
        ("Given the quality that you get from {provider}, how do you rate its prices?", *_POOR),
        ("就您得到的质量而言，您如何评价{provider}的价格？", "非常不合理", "非常合理"),
    ),
    _ask(
        "value",
        "value_quality_given_price",
        ("Given the prices that you pay to {provider}, how do you rate its quality?", *_POOR),
        ("就您支付的价格而言，您如何评价{provider}的质量？", *_POOR_ZH),
    ),
    _ask(
        "satisfaction",
        "satisfaction_overall",
        ("All in all, how satisfied are you with {provider}?", "very dissatisfied", "very satisfied"),
        ("总体而言，您对{provider}的满意程度如何？", "非常不满意", "非常满意"),
    ),
    _ask(
        "satisfaction",
        "satisfaction_confirmation",
        (
            "How far does {provider} fall short of your expectations, or exceed them?",
            "falls far short of them",
            "far exceeds them",
        ),
        ("与您的预期相比，{provider}的实际表现如何？", "远低于预期", "远高于预期"),
    ),
    _ask(
        "satisfaction",
        "satisfaction_ideal",
        (
            "Imagine an ideal provider of this kind. How near does {provider} come to it?",
            "very far from it",
            "very near to it",
        ),
        ("请设想一个理想的同类企业：{provider}与它相差多远？", "相差很远", "非常接近"),
    ),
    _ask(
        "satisfaction",
        "satisfaction_rivals",
        ("How satisfied are you with {provider} compared with others of its kind?", "much less", "much more"),
        ("与同类的其他企业相比，您对{provider}的满意程度如何？", "低得多", "高得多"),
    ),
    _ask(
        "complaints",
        "complained",
        ("Have you complained about {provider} in the past twelve months, to it or to others?", "no", "yes"),
        ("在过去十二个月里，您是否曾向{provider}或其他方面投诉或抱怨过它？", "否", "是"),
        _YES_NO,
    ),
    _ask(
        "complaints",
        "complaint_handling",
        (
            "How well did {provider} handle your last complaint? If you never complained: how well would it?",
            *_POOR,
        ),
        ("{provider}对您最近一次投诉的处理如何？如未投诉过：您认为它会处理得如何？", *_POOR_ZH),
    ),
    _ask(
        "loyalty",
        "repurchase_likelihood",
        ("How likely is it that you will choose {provider} again the next time?", *_LIKELY),
        ("下次需要时，您再次选择{provider}的可能性有多大？", *_LIKELY_ZH),
    ),
    _ask(
        "loyalty",
        "price_tolerance",
        ("By how many percent could {provider} raise its prices before you would buy elsewhere?", "0 %", "100 %"),
        ("{provider}的价格上涨百分之多少时，您会转向别处购买？", "0%", "100%"),
        _PERCENT,
    ),
    _ask(
        "loyalty",
        "recommendation",
        ("How likely are you to recommend {provider} to a friend or colleague?", *_LIKELY),
        ("您向朋友或同事推荐{provider}的可能性有多大？", *_LIKELY_ZH),
        _RECOMMENDATION,
    ),
)
QUESTIONS = {question.item: question for question in _QUESTIONS}
"""The standard questions by the code of their item."""

_LOYALTY = ("repurchase_likelihood", "price_tolerance")
_EXPECTED = ("expectations_overall", "expectations_customisation", "expectations_reliability")
_PERCEIVED = ("quality_overall", "quality_customisation", "quality_reliability")
_VALUE = ("value_price_given_quality", "value_quality_given_price")
_SATISFIED = ("satisfaction_overall", "satisfaction_confirmation", "satisfaction_ideal")
_IMAGE = ("image_reputation", "image_expertise", "image_responsibility")

ITEMS = {
    "ACSI": (*_EXPECTED, *_PERCEIVED, *_VALUE, *_SATISFIED, "complained", *_LOYALTY),
    "ECSI": (*_IMAGE, *_EXPECTED, *_PERCEIVED, *_VALUE, *_SATISFIED, "complaint_handling", *_LOYALTY, "recommendation"),
    "CCSI": (
        *("image_overall", "image_distinctiveness"),
        *(*_EXPECTED, "expectations_service"),
        *(*_PERCEIVED, "quality_service"),
        *_VALUE,
        *(*_SATISFIED, "satisfaction_rivals"),
        *(*_LOYALTY, "recommendation"),
    ),
}
"""The standard items of each preset."""

COMPETITION = (
    _ask(
        "",
        "main_competitor",
        ("Where else do you buy most, or would you buy if {provider} did not exist?",),
        ("除{provider}以外，您最常在哪里购买？或者，如果没有{provider}，您会选择哪里？",),
        None,
    ),
    _ask(
        "",
        "competitor_satisfaction",
        ("All in all, how satisfied are you with that other provider?", "very dissatisfied", "very satisfied"),
        ("总体而言，您对那一家的满意程度如何？", "非常不满意", "非常满意"),
    ),
    _ask(
        "",
        "alternatives",
        ("How many good alternatives to {provider} do you have?", "none", "very many"),
        ("除{provider}以外，您有多少好的选择？", "完全没有", "非常多"),
    ),
    _ask(
        "",
        "switching_cost",
        ("How much trouble would it be for you to change from {provider} to another?", "none", "very much"),
        ("从{provider}换到另一家，对您来说有多麻烦？", "毫不麻烦", "非常麻烦"),
    ),
)
"""Questions about the competition; they belong to no construct."""

_AGES = ("under 25", "25 to 34", "35 to 44", "45 to 54", "55 to 64", "65 or over")
_AGES_ZH = ("25 岁以下", "25 至 34 岁", "35 至 44 岁", "45 至 54 岁", "55 至 64 岁", "65 岁及以上")
_SINCE = ("under 1 year", "1 to 3 years", "over 3 years")

SEGMENTS = (
    Question(
        "gender",
        "",
        None,
        {
            "en": Wording("Your gender?", choices={"female": "female", "male": "male", "other": "other"}),
            "zh": Wording("您的性别？", choices={"female": "女", "male": "男", "other": "其他"}),
        },
    ),
    Question(
        "age_group",
        "",
        None,
        {
            "en": Wording("Your age in years?", choices={age: age for age in _AGES}),
            "zh": Wording("您的年龄（岁）？", choices=dict(zip(_AGES, _AGES_ZH, strict=True))),
        },
    ),
    _ask("", "region", ("Where do you live?",), ("您居住在哪个地区？",), None),
    Question(
        "customer_since",
        "",
        None,
        {
            "en": Wording(
                "For how long have you been a customer of {provider}?",
                choices={
                    "under 1 year": "under 1 year",
                    "1 to 3 years": "1 to 3 years",
                    "over 3 years": "over 3 years",
                },
            ),
            "zh": Wording(
                "您成为{provider}的顾客有多久了？",
                choices=dict(zip(_SINCE, ("不到一年", "一至三年", "三年以上"), strict=True)),
            ),
        },
    ),
)
"""Questions about the respondent; they belong to no construct."""
