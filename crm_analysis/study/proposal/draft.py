"""Proposals -> the text of a commented study.toml: what is known, what is a guess, what is left to fill in."""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path

from crm_analysis.study.config import Sql
from crm_analysis.study.proposal.assignment import Line
from crm_analysis.study.proposal.propose import Proposal
from crm_analysis.study.proposal.questionnaire import Questionnaire
from crm_analysis.study.proposal.relations import Relation
from crm_analysis.study.tables import CONTRACTS
from crm_analysis.table import count

_MEANS = {
    "person_id": "the person, where several records are one",
    "joined": "the date of joining",
    "birth_year": "four digits",
    "channel": "how the customer came or spoke to the firm",
    "referrer_id": "the customer who brought this one",
    "acquisition_cost": "what winning the customer cost",
    "cost_to_serve": "what serving the customer costs in a year",
    "time": "when",
    "amount": "money by row; negative: a return",
    "order_id": "rows with the same one are one order",
    "quantity": "pieces",
    "category": "the kind of product",
    "margin": "what the row earned",
    "discount": "money taken off",
    "kind": "enquiry, complaint, return or service",
    "resolved": "yes or no",
    "start": "when the contract began",
    "end": "when it ended; empty: still active",
    "monthly_fee": "money by month",
    "plan": "what was agreed",
    "campaign": "its name",
    "arm": "treated or control",
    "cost": "of the contact",
    "response": "yes or no",
    "respondent_id": "who answered",
    "wave": "which survey, where there were several",
    "weight": "how many people a respondent stands for",
    "feature": "the feature asked about",
    "functional": "the answer if the product has it, 1 to 5",
    "dysfunctional": "the answer if it has it not, 1 to 5",
}
# Comments stand here or, after a longer setting, two blanks behind it.
_COMMENTS_AT = 34


def text_in_toml(text: str) -> str:
    """Write a text for TOML, whose basic strings are those of JSON, but for one character more that is escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def comment(text: str) -> str:
    """Write a comment on one line, without the control characters that TOML refuses even there."""
    return "# " + "".join(character if character.isprintable() else " " for character in text)


def setting(text: str, remark: str = "") -> str:
    """One line of study.toml with its comment; Chinese characters are two columns wide."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    gap = max(2, _COMMENTS_AT - len(text) - wide)
    return f"{text}{' ' * gap}{comment(remark)}" if remark else text


def write(
    proposals: Sequence[Proposal], unknown: Collection[Relation], *, name: str, title: str, sources: dict[Path, str]
) -> str:
    """Write the study.toml that proposals make.

    Parameters
    ----------
    proposals : sequence of Proposal
        One per table.
    unknown : collection of Relation
        What was given and is used for nothing.
    name, title : str
        The study's.
    sources : dict
        File -> its path as seen from study.toml.

    Returns
    -------
    str
        Valid TOML; guesses are marked ``# unsure``, what was not found is commented out.
    """
    parts = [_heading(proposals, name, title)]
    parts += [_table(proposal, sources) for proposal in proposals]
    items = next((proposal.items for proposal in proposals if proposal.items is not None), None)
    if items is not None:
        parts.append(_survey(items))
    churn = next((proposal.churn for proposal in proposals if proposal.churn), "")
    if churn:
        parts.append("[churn]\n" + setting(f"label = {text_in_toml(churn)}", "the column that says who left") + "\n")
    parts += [_unused(relation, sources) for relation in unknown]
    return "\n".join(parts)


def _heading(proposals: Sequence[Proposal], name: str, title: str) -> str:
    amounts = (proposal.contents("amount") for proposal in proposals)
    currency = next((contents.currency for contents in amounts if contents is not None), "")
    if currency:
        money = setting(f'currency = "{currency}"', "unsure: from the signs beside the amounts")
    else:
        money = setting('# currency = "..."', 'of all amounts, such as "EUR"')
    lines = (
        "# A proposal, made from the names and the contents of the columns: read it, correct it, then check the study.",
        '# What is marked "unsure" is a guess, what begins with # is left to fill in. All settings: data/README.md.',
        "",
        "[study]",
        setting(f"name = {text_in_toml(name)}", "one report folder per name"),
        setting(f"title = {text_in_toml(title)}", "the report's heading"),
        money,
        setting('# timezone = "..."', 'of the local times, such as "Asia/Shanghai"'),
        "",
        "[engine]",
        setting('url = "duckdb://"', "files"),
        '# For tables of a PostgreSQL database: url = "env:CRM_DATABASE_URL", the environment variable that holds its',
        '# address, and under each table its name there, such as source = "orders".',
    )
    return "\n".join(lines) + "\n"


def _table(proposal: Proposal, sources: dict[Path, str]) -> str:
    relation, contract = proposal.relation, CONTRACTS[proposal.table]
    lines = [*(comment(f"unsure: {remark}.") for remark in proposal.remarks), f"[tables.{proposal.table}]"]
    source = proposal.source or sources[relation.file]
    lines.append(setting(f"source = {text_in_toml(source)}", "seen from this file"))
    lines += [setting(f"{key} = {text_in_toml(value)}", _HOW[key]) for key, value in relation.settings.items()]
    if not relation.columns:
        lines.append(setting('# names = ["...", "..."]', "the file seems to have no header line: name its columns"))
    if proposal.time_formats:
        first, second = proposal.time_formats
        doubt = f'unsure: no date tells the day from the month; else "{second}"'
        lines.append(setting(f'time_format = "{first}"', doubt))
    if proposal.one_per:
        lines.append(setting(f'one_per = "{proposal.one_per}"', "it stands in several rows: the first of each is read"))
    if proposal.pad:
        widths = ", ".join(f"{column} = {width}" for column, width in proposal.pad.items())
        lines.append(setting(f"pad = {{ {widths} }}", "unsure: zeros that the ids of another table begin with"))
    own = [line.column for line in proposal.lines if line.given == line.column and not line.doubt]
    if own:
        lines.append(f"# columns with the right names: {', '.join(own)}")
    mapped = [line for line in proposal.lines if line.column not in own]
    absent = [column for column in contract.names if proposal.line(column) is None]
    head = "" if mapped else "# "
    if mapped or absent:
        lines.append(f"{head}[tables.{proposal.table}.columns]")
    lines += [_line(line) for line in mapped]
    lines += [setting(f'# {name} = "..."', _absent(name, proposal)) for name in absent]
    if proposal.unused:
        kept = "further columns, kept as they are" if contract.extra else "columns that are not used"
        if contract.extra and proposal.one_per:
            # As the cleaning does: of several rows only what is mapped is known to be the customer's own.
            kept = "further columns, not kept unless they are mapped, since rows of one customer may differ in them"
        lines += _wrapped(f"{kept}: {', '.join(proposal.unused)}")
    return "\n".join(lines) + "\n"


_HOW = {
    "sheet": 'of the workbook; "*": all of them',
    "table": "of the database file",
    "format": "how the file is written",
}


def _line(line: Line) -> str:
    given = line.given
    written = f"{{ sql = {_literal(given.expression)} }}" if isinstance(given, Sql) else text_in_toml(given)
    return setting(f"{line.column} = {written}", f"unsure: {line.doubt}" if line.doubt else _MEANS.get(line.column, ""))


def _literal(expression: str) -> str:
    """Expressions hold quotation marks; TOML's literal strings spare them backslashes."""
    mark = "'''" if "'" in expression else "'"
    plain = expression.isprintable() and "'''" not in expression
    return f"{mark}{expression}{mark}" if plain else text_in_toml(expression)


def _absent(name: str, proposal: Proposal) -> str:
    meaning = _MEANS.get(name, "")
    if name in proposal.missing:
        return "; ".join(filter(None, ["required, and not found", meaning]))
    if name == "respondent_id":
        return "who answered; without it the row's number serves"
    return meaning


def _survey(items: Questionnaire) -> str:
    low, high = items.scale
    ends = "lowest and highest code"
    if items.seen != items.scale:
        ends = f"unsure: answers reach from {items.seen[0]} to {items.seen[1]}"
    lines = ["[survey]", setting(f"scale = [{low}, {high}]", ends)]
    if items.missing:
        answers = count(sum(items.missing.values()), "answer")
        lines.append(setting(f"missing = {list(items.missing)}", f"unsure: codes off the scale ({answers}): no answer"))
    else:
        lines.append(setting("# missing = []", 'codes that mean "do not know"; none was seen'))
    lines.append(setting('# model = "acsi"', 'or "ecsi", "ccsi", once the constructs bear the names of the model'))
    lines += ["", "# unsure: divide the items among constructs, such as satisfaction = [...], loyalty = [...]"]
    lines += ["[survey.constructs]", f"items = {_listed(items.items)}"]
    lines += ["", "# A model of your own in place of a preset: each construct with those that it leads to."]
    lines += ["# [survey.paths]", '# quality = ["value", "satisfaction"]', '# satisfaction = ["loyalty"]']
    if items.codes:
        lines += ["", "[survey.codes]", "# unsure: items with another scale: lowest and highest code"]
        lines += [f"{_key(name)} = [{low}, {high}]" for name, (low, high) in items.codes.items()]
    return "\n".join(lines) + "\n"


def _listed(names: Sequence[str]) -> str:
    """A list on lines of readable length; TOML lets lists run over several."""
    text, width = "[", 0
    for place, name in enumerate(names):
        written = text_in_toml(name) + ("," if place + 1 < len(names) else "")
        if width + len(written) > 90:
            text, width = text + "\n ", 0
        text += (" " if width else "") + written
        width += len(written) + 1
    return text + "]"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else text_in_toml(name)


def _wrapped(text: str) -> list[str]:
    first, *others = textwrap.wrap(text, 116, break_long_words=False, break_on_hyphens=False)
    return [comment(first), *(comment(f"  {line}") for line in others)]


def _unused(relation: Relation, sources: dict[Path, str]) -> str:
    where = relation.label
    if where != sources[relation.file]:
        where += f" ({sources[relation.file]})"
    names = ", ".join(column.name for column in relation.columns) or "no header line"
    return "\n".join(_wrapped(f"Not used: {where}, with the columns {names}.")) + "\n"
