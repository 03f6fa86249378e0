"""Three hundred broken files against `check`: an answer in words each time, nothing lost, the input untouched."""

import csv
import io

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crm_analysis.errors import CrmError
from crm_analysis.study import Study

TOML = '[study]\nname = "x"\n[tables.transactions]\nsource = "transactions.csv"\n'
COLUMNS = ["customer_id", "time", "amount", "order_id"]
IDS = [
    "A",
    "C00017",
    "17850.0",
    "007",
    "",
    " B ",
    "张三",
    "Müller",
    "O'Neil",
    "#7",
    'x"y',
    "a;b",
    "a,b",
    "a\tb",
    "two\nlines",
]
TIMES = [
    "2025-01-31",
    "2025/1/31 8:05",
    "31/1/2025",
    "1/31/2025",
    "1/2/2025",
    "20250131",
    "2025年1月31日",
    "1-Jun-25",
    "Jun 1, 2025",
]
TIMES += [
    "6/13/2025 1:05 PM",
    "45809",
    "1748736000",
    "1748736000000",
    "2025-02-30",
    "9999-12-31",
    "soon",
    "",
    "infinity",
    "2025-01-31T08:00:00Z",
]
AMOUNTS = [
    "5",
    "-5",
    "1,234.50",
    "1.234,50",
    "1 234,5",
    "¥5",
    "(5)",
    "5-",
    "１２",
    "1e400",
    "nan",
    "n/a",
    "0x1F",
    "",
    "five",
    "9" * 40,
    "5 %",
    "1.234",
]
# Put into the file only when it is written, so that a failure can be shown.
HUGE = b"<huge cell>"
DELIMITERS = [",", ";", "\t", "|"]
ENCODINGS = ["utf-8", "utf-8-sig", "gb18030", "utf-16", "latin-1", "cp1252"]
rows = st.tuples(
    st.sampled_from(IDS), st.sampled_from(TIMES), st.sampled_from(AMOUNTS), st.sampled_from(["1", "2", ""])
)


@st.composite
def files(draw):
    """Bytes of a file, and how many records were written into it if nothing broke it afterwards."""
    records = draw(st.lists(rows, max_size=12))
    if records and draw(st.booleans()):
        records += draw(st.lists(st.sampled_from(records), max_size=6))
    # Most files are well enough to be read, so that what happens next is tried too.
    sound = [("A", draw(st.sampled_from(TIMES[:6])), "5", str(place)) for place in range(draw(st.integers(0, 30)))]
    records = sound + records
    text = io.StringIO()
    writer = csv.writer(
        text, delimiter=draw(st.sampled_from(DELIMITERS)), lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"]))
    )
    header = draw(
        st.sampled_from(
            [[COLUMNS], [COLUMNS], [COLUMNS], [COLUMNS], [], [COLUMNS, COLUMNS], [["Export of 2025"], COLUMNS]]
        )
    )
    writer.writerows([*header, *records])
    content = text.getvalue().encode(draw(st.sampled_from(ENCODINGS)), errors="replace")
    harm = draw(
        st.sampled_from(
            [
                "none",
                "none",
                "none",
                "cut",
                "quote",
                "ragged",
                "wide",
                "nul",
                "bytes",
                "huge",
                "mixed",
                "blank lines",
                "empty",
            ]
        )
    )
    whole = harm in ("none", "blank lines") and header == [COLUMNS]
    return _harmed(content, harm, draw), len(records) if whole else None


def _harmed(content, harm, draw):
    place = draw(st.integers(0, len(content)))
    inserted = {
        "quote": b'"',
        "ragged": b"\nA,B\n",
        "wide": b"\nA,2025-01-31,5,1,9,9\n",
        "nul": b"\x00",
        "bytes": draw(st.binary(min_size=1, max_size=5)),
        "huge": HUGE,
        "mixed": b"\nA;2025-01-31;5;1\nB,2025-01-31,5,1\n",
    }
    if harm == "cut":
        return content[:place]
    if harm == "empty":
        return content[: draw(st.integers(0, 3))]
    if harm == "blank lines":
        return content + b"\n\n" if b"\x00" not in content else content
    return content[:place] + inserted.get(harm, b"") + content[place:]


# A failure shows its file; to shrink it would take minutes.
@settings(
    max_examples=300, phases=(Phase.explicit, Phase.generate), derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(files())
def test_a_malformed_file_has_an_answer_in_words(tmp_path_factory, file):
    content, records = file
    content = content.replace(HUGE, b"x" * 300_000)
    folder = tmp_path_factory.mktemp("malformed")
    source = folder / "transactions.csv"
    source.write_bytes(content)
    (folder / "study.toml").write_text(TOML, "utf-8")
    try:
        study = Study.open(folder)
    except CrmError as error:
        _is_a_sentence(str(error))
    else:
        for sentence in study.check().findings():
            _is_a_sentence(sentence)
        account = study.cleaning().before_after.iloc[0]
        assert account["rows_in"] == account["rows_used"] + account["rows_left_out"] + account["copies_removed"]
        assert account["rows_used"] == len(study.frame("transactions")) > 0
        if records is not None:
            assert account["rows_in"] == records
    assert source.read_bytes() == content
    names = (
        {path.name.split("-")[0] for path in (folder / ".cache").iterdir()} if (folder / ".cache").exists() else set()
    )
    assert names <= {"transactions", "hashes.json"}


def _is_a_sentence(text):
    assert text[0].isalnum()
    assert text.endswith((".", "?"))
    assert "Traceback" not in text
    assert "\n" not in text
    # No word of the engine about itself.
    assert "read_csv" not in text
    assert len(text) < 700
