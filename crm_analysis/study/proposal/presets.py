"""Presets: the study.toml of well-known public data sets, filled in with the place of one's own copy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import Template

from crm_analysis.errors import UsageError
from crm_analysis.study.proposal.draft import setting
from crm_analysis.study.proposal.synonyms import normalise


@dataclass(frozen=True)
class Preset:
    """How a well-known data set maps to the contract.

    Attributes
    ----------
    about : str
        What it is and where it comes from.
    text : str
        Its study.toml; ``$name``, ``$source`` and ``$sheet`` and the names in `spellings` are filled in.
    format : str, optional
        How the file is stored, where its ending does not say so.
    spellings : mapping of str to tuple of str
        Name in `text` -> how the column is spelt in one or the other edition of the file.
    """

    about: str
    text: str
    format: str = ""
    spellings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def fill(self, preset: str, columns: Sequence[str], *, label: str, **known: str) -> str:
        """Write the study.toml for a file.

        Parameters
        ----------
        preset : str
            The preset's name, for messages.
        columns : sequence of str
            The file's columns.
        label : str
            What messages call the file.
        **known : str
            ``name``, ``source`` and ``sheet``, as they stand in TOML.

        Returns
        -------
        str

        Raises
        ------
        UsageError
            If a column that the preset needs is not in the file.
        """
        # What would need escaping in TOML or SQL is none of the spellings.
        there = {normalise(column): column for column in columns if re.fullmatch(r"[\w .-]+", column)}
        found = {}
        for placeholder, spellings in self.spellings.items():
            spelt = next((there[normalise(one)] for one in spellings if normalise(one) in there), None)
            if spelt is None:
                raise UsageError(
                    f"the preset {preset} needs a column {' or '.join(map(repr, spellings))}, which is not in {label} "
                    f"(columns there: {', '.join(columns)}); give the raw file, or leave out --preset."
                )
            found[placeholder] = spelt
        return "".join(f"{_aligned(line)}\n" for line in Template(self.text).substitute(known, **found).splitlines())


def _aligned(line: str) -> str:
    """Put the comment behind a setting where all comments stand, however long the names filled in are."""
    written, mark, comment = line.partition("  # ")
    return setting(written.rstrip(), comment) if mark and written.strip() else line


_CDNOW = """\
# CDNOW, purchases of CDs from 1997-01 to 1998-06 (Fader and Hardie 2001), distributed by B. Hardie for research.

[study]
name = $name                 # one report folder per name
title = "CDNOW: purchases of CDs, 1997-1998"
currency = "USD"

[engine]
url = "duckdb://"            # files

[tables.transactions]
source = $source
format = "blanks"            # fields divided by any number of blanks, a header line
columns = { customer_id = "$customer", time = "$date", amount = "$dollars", quantity = "$cds" }
"""

_ONLINE_RETAIL = """\
# Online Retail: a British wholesaler of gifts, 2010-12 to 2011-12 (Chen, Sain and Guo 2012; UCI Machine Learning
# Repository). Online Retail II, two years of the same shop, has the same columns under slightly other names.

[study]
name = $name                 # one report folder per name
title = "Online Retail: a British wholesaler of gifts"
currency = "GBP"
timezone = "Europe/London"

[engine]
url = "duckdb://"            # files

[tables.transactions]
source = $source$sheet
duplicates = "remove"        # lines that stand twice, letter for letter

[tables.transactions.columns]
customer_id = "$customer"    # missing in a quarter of the lines: they are left out and counted
time = "$time"
order_id = "$invoice"        # cancelled invoices begin with C and have negative quantities: returns
quantity = "$quantity"
# A price of zero or below is a gift, a correction or a bad debt, and no sale: the line is left out and counted.
amount = { sql = '''CASE WHEN "$price" > 0 THEN "$quantity" * "$price" END''' }
# The file has no categories, but lines that are no products: the code of a product begins with five digits.
category = { sql = '''
  CASE WHEN TRY_CAST(substring("$code", 1, 5) AS INTEGER) >= 10000 THEN 'product'
       WHEN upper("$code") IN ('POST', 'DOT', 'C2') THEN 'postage'
       WHEN upper("$code") = 'D' THEN 'discount'
       WHEN upper(substring("$code", 1, 4)) IN ('GIFT', 'DCGS') THEN 'gift shop and vouchers'
       WHEN upper("$code") IN ('BANK CHARGES', 'AMAZONFEE', 'CRUK') THEN 'fees'
       WHEN "$code" IS NOT NULL THEN 'adjustments and samples' END''' }
# category = "$code"         # instead, to see which products are bought together

[tables.customers]
source = $source$sheet
one_per = "customer_id"      # the customers are drawn out of the same lines: the first line of each

[tables.customers.columns]
customer_id = "$customer"
region = "$country"
"""

_TELCO = """\
# IBM's sample of a telecom company's customers, one row each; Churn says who left within the last month. It holds
# today's customers and last month's leavers, so it tells who leaves, not how long customers stay.

[study]
name = $name                 # one report folder per name
title = "Telecom customers and who left"
currency = "USD"

[engine]
url = "duckdb://"            # files

[tables.customers]
source = $source$sheet
columns = { customer_id = "$customer" }   # gender has its name already; every other column is kept as an attribute
# TotalCharges is blank for customers of the first month: read as missing.

[churn]
label = "$churn"             # the column that says who left
"""

_ECSI = """\
# The European Customer Satisfaction Index on a mobile phone operator (Tenenhaus, Esposito Vinzi, Chatelin and Lauro
# 2005): 24 items, answered on scales of ten.

[study]
name = $name                 # one report folder per name
title = "Satisfaction with a mobile phone operator (ECSI)"

[engine]
url = "duckdb://"            # files

[tables.survey]
source = $source$sheet       # the file has no ids of respondents: the row's number serves

[survey]
scale = [1, 10]              # lowest and highest code
model = "ecsi"               # what causes what among the constructs

[survey.constructs]
image = ["$IMAG1", "$IMAG2", "$IMAG3", "$IMAG4", "$IMAG5"]
expectations = ["$CUEX1", "$CUEX2", "$CUEX3"]
quality = ["$PERQ1", "$PERQ2", "$PERQ3", "$PERQ4", "$PERQ5", "$PERQ6", "$PERQ7"]
value = ["$PERV1", "$PERV2"]
satisfaction = ["$CUSA1", "$CUSA2", "$CUSA3"]
complaints = ["$CUSCO"]       # how well complaints are HANDLED: high is good, unlike "has complained" in the ACSI
loyalty = ["$CUSL1", "$CUSL2", "$CUSL3"]
"""


PRESETS = {
    "cdnow": Preset(
        about="purchases of the CD shop CDNOW, 1997-01 to 1998-06 (Fader and Hardie)",
        text=_CDNOW,
        format="blanks",
        spellings={
            "customer": ("customer_id",),
            "date": ("date",),
            "cds": ("number_of_cds",),
            "dollars": ("dollar_value",),
        },
    ),
    "online-retail": Preset(
        about="orders of a British gift wholesaler, 2009 to 2011 (UCI Online Retail and Online Retail II)",
        text=_ONLINE_RETAIL,
        spellings={
            "customer": ("CustomerID", "Customer ID"),
            "time": ("InvoiceDate",),
            "invoice": ("InvoiceNo", "Invoice"),
            "quantity": ("Quantity",),
            "price": ("UnitPrice", "Price"),
            "code": ("StockCode",),
            "country": ("Country",),
        },
    ),
    "telco-churn": Preset(
        about="a telecom company's customers and who left (IBM's sample)",
        text=_TELCO,
        spellings={"customer": ("customerID",), "churn": ("Churn",)},
    ),
    "ecsi-mobile": Preset(
        about="satisfaction with a mobile phone operator, 24 items (ECSI)",
        text=_ECSI,
        spellings={
            name: (name,)
            for block, items in {"IMAG": 5, "CUEX": 3, "PERQ": 7, "PERV": 2, "CUSA": 3, "CUSL": 3}.items()
            for name in (f"{block}{item}" for item in range(1, items + 1))
        }
        | {"CUSCO": ("CUSCO",)},
    ),
}
"""Presets by name."""
