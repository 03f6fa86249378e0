"""Spelling: phone numbers, e-mail addresses and names brought to one form, so that two records can be compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import permutations

# Usual names of columns, English and Chinese, in lower case without blanks and punctuation.
_USUAL = {
    "phone": "phone phonenumber phoneno mobile mobilephone mobilenumber mobileno cell cellphone tel telephone "
    "telephonenumber 电话 电话号码 联系电话 手机 手机号 手机号码 移动电话",
    "e-mail": "email emailaddress mail mailaddress 邮箱 邮箱地址 电子邮箱 电子邮件 邮件 邮件地址",
    "name": "name fullname customername clientname 姓名 名字 客户姓名 客户名称 客户名",
}
# Parts of a name that stand in columns of their own, in the order in which they are put together.
_PARTS = "surname lastname familyname 姓 姓氏 firstname forename givenname 名"

# Country calling codes: of one digit, of two, and all the others of three (ITU-T E.164).
_COUNTRY = re.compile(r"1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3}")
_SHORTEST = 7
_RUN = "01234567890123456789"
_NOBODY = re.compile("a+|x+|abc|email|info|mail|na|no|noemail|nomail|none|noreply|null|test|unknown|user")
_TITLES = {"mr", "mrs", "ms", "miss", "dr", "prof"}
_CHINESE_TITLE = re.compile("(先生|女士|小姐)$")
_MOST_PARTS = 4
_GENDERS = {"female": "f female w woman 女 女性", "male": "m male man 男 男性", "": "unknown u x n/a - 未知 不详"}


def columns(names: Iterable[str]) -> dict[str, list[str]]:
    """Return which columns hold phone numbers, e-mail addresses and names, judged by their usual names.

    Parameters
    ----------
    names : iterable of str
        Names of a table's columns.

    Returns
    -------
    dict of list of str
        Under ``phone`` and ``e-mail`` every such column; under ``name`` the column of the whole name or, without one,
        those of its parts, surname first.
    """
    folded = {name: re.sub(r"[\W_]|\d+$", "", unicodedata.normalize("NFKC", name).casefold()) for name in names}
    found = {kind: [name for name, fold in folded.items() if fold in usual.split()] for kind, usual in _USUAL.items()}
    parts = _PARTS.split()
    found["name"] = found["name"][:1] or sorted(
        (name for name, fold in folded.items() if fold in parts), key=lambda name: parts.index(folded[name])
    )
    return found


def phone(text: str) -> tuple[str, str]:
    """Return a phone number as its national digits, and why it identifies nobody (``masked``, ``dummy`` or nothing).

    Blanks, punctuation, full-width digits, the country code (written with + or 00; a bare 86 before a Chinese mobile
    number) and leading zeros do not count. A text without seven digits is no number and gives an empty one.
    """
    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    if re.search(r"[*•●]|x{2,}", plain) and re.search(r"\d", plain):
        return re.sub(r"[^\dx*•●]", "", plain), "masked"
    digits = re.sub(r"\D", "", plain)
    if plain.startswith(("+", "(+")):
        national = _COUNTRY.sub("", digits, count=1)
    elif digits.startswith("00") and digits.strip("0"):
        national = _COUNTRY.sub("", digits[2:], count=1)
    else:
        national = digits[2:] if re.fullmatch(r"861\d{10}", digits) else digits
    if len(national) < _SHORTEST:
        return "", ""
    end = national[-_SHORTEST:]
    if len(set(end)) == 1 or end in _RUN or end in _RUN[::-1]:
        return (end if len(set(national)) == 1 else national), "dummy"
    national = national.lstrip("0")
    return (national, "") if len(national) >= _SHORTEST else ("", "")


def email(text: str) -> tuple[str, str]:
    """Return an e-mail address in lower case without blanks, and why it identifies nobody (as `phone` does).

    What has no @ between two parts, the second with a dot, is no address and gives an empty one.
    """
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).casefold().removeprefix("mailto:")
    if not re.fullmatch(r"[^@]+@[^@]+\.[^@.]+", plain):
        return "", ""
    local = re.sub(r"[\W_]", "", plain.split("@")[0])
    return plain, "masked" if "*" in plain else "dummy" if _NOBODY.fullmatch(local) else ""


def gender(text: str) -> str:
    """Return a gender as ``female`` or ``male``, nothing where it is unknown, any other code in lower case."""
    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    return next((meaning for meaning, codes in _GENDERS.items() if plain in codes.split()), plain)


def name(text: str) -> tuple[str, ...]:
    """Return the parts of a name: lower case, without accents, punctuation and titles, in the order written."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    plain = unicodedata.normalize("NFKC", "".join(c for c in decomposed if not unicodedata.combining(c)))
    words = re.sub(r"[\W\d_]+", " ", re.sub(r"['’`·•]", "", plain)).split()
    parts = [_CHINESE_TITLE.sub("", word) or word for word in words]
    return tuple([part for part in parts if part not in _TITLES] or parts)


def letters(parts: tuple[str, ...]) -> str:
    """Return the letters of a name in alphabetical order: alike for every order and joining of its parts."""
    return "".join(sorted("".join(parts)))


def same_name(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two names are the same but for the order of their parts and the blanks between them."""
    return bool(one) and letters(one) == letters(other) and not _joined(one).isdisjoint(_joined(other))


def alike(one: tuple[str, ...], other: tuple[str, ...]) -> str:
    """Say how far two names agree.

    Returns
    -------
    str
        ``same``: the parts are the same in any order, or one name shortens or leaves out parts of the other
        (``Wang L.`` and ``Wang Li``); ``part``: they have a part in common; ``nothing``.
    """
    if same_name(one, other) or _shortens(one, other) or _shortens(other, one):
        return "same"
    common = {part for part in one if len(part) > 1} & {part for part in other if len(part) > 1}
    inside = any(_inside(a, b) or _inside(b, a) for a in one for b in other)
    return "part" if common or inside else "nothing"


def _joined(parts: tuple[str, ...]) -> set[str]:
    if len(parts) > _MOST_PARTS:
        return {"".join(sorted(parts))}
    return {"".join(order) for order in permutations(parts)}


def _shortens(short: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    """Whether each part of `short` is a part of `whole` or its initial, or all of them begin a name in one word."""
    left = list(whole)
    for part in sorted(short, key=len, reverse=True):
        match = next((other for other in left if part == other or (len(part) == 1 and other.startswith(part))), None)
        if match is None:
            break
        left.remove(match)
    else:
        return True
    return len(whole) == 1 < len(short) and any(whole[0].startswith(joined) for joined in _joined(short))


def _inside(part: str, joined: str) -> bool:
    """Whether a part begins or ends a name written in one word; in Chinese its first character is the surname."""
    if "\u4e00" <= part[0] <= "\u9fff":
        return part[0] == joined[0]
    return 1 < len(part) < len(joined) and (joined.startswith(part) or joined.endswith(part))
