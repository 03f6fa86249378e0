"""Text in the encodings and with the line ends that firms have, and bytes that are no text."""

import codecs
import csv
import io

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_analysis.errors import ContractError, UsageError
from crm_analysis.study.config import TableConfig
from crm_analysis.study.reading import sources
from crm_analysis.study.reading.encoding import as_utf8
from crm_analysis.study.tables import ROW

CHINESE = "客户编号,下单时间,金额\n王芳,2025-01-01,5\n李娜,2025-01-02,7.5\n"
WESTERN = "name,place,price\nMüller,Köln,£5\nJosé,São Paulo,€7\n"


def rows(file, **settings):
    connection = duckdb.connect()
    source = sources.read(connection, TableConfig("transactions", file.name, "csv", **settings), file.parent)
    found = connection.sql(f"SELECT * EXCLUDE ({ROW}) FROM ({source.query})").fetchall()
    return [list(source.columns), *map(list, found)], source.notes


def refusal(file, kind=ContractError, **settings):
    with pytest.raises(kind) as error:
        rows(file, **settings)
    return str(error.value)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "orders.csv"


def expected(text):
    return [line.split(",") for line in text.splitlines()]


@pytest.mark.parametrize(
    ("text", "codec", "notes"),
    [
        (CHINESE, "utf-8", ()),
        (CHINESE, "utf-8-sig", ()),
        (CHINESE, "gbk", ("read as GBK",)),
        (CHINESE, "gb18030", ("read as GBK",)),
        (CHINESE.replace("王芳", "㐀㐁"), "gb18030", ("read as GBK",)),
        (CHINESE, "utf-16", ("read as UTF-16",)),
        (CHINESE, "utf-16-le", ("read as UTF-16",)),
        (CHINESE, "utf-16-be", ("read as UTF-16",)),
        (CHINESE, "utf-32", ("read as UTF-32",)),
        (WESTERN, "utf-8", ()),
        (WESTERN, "cp1252", ("read as Windows-1252",)),
        (WESTERN.replace("€", "£"), "latin-1", ("read as Windows-1252",)),
    ],
)
def test_the_encoding_is_found_out_and_told(file, text, codec, notes):
    content = text.encode(codec)
    file.write_bytes(content)
    found, told = rows(file)
    assert found == expected(text)
    assert told == notes
    assert file.read_bytes() == content


def test_the_whole_file_is_looked_at(file):
    file.write_bytes(b"a,b\n" + b"1,2\n" * 400_000 + "张,三\n".encode("gbk"))
    found, told = rows(file)
    assert (len(found), found[-1], told) == (400_002, ["张", "三"], ("read as GBK",))


def test_a_character_may_lie_across_two_pieces(file):
    for offset in range(4):
        for codec in ("utf-8", "gbk"):
            text = "n\n" + "a" * (2**20 - 5 + offset) + "张三\n李四\n"
            file.write_bytes(text.encode(codec))
            plain, notes = as_utf8(TableConfig("transactions", file.name, "csv"), file, file.with_suffix(".copy"))
            assert plain.read_text("utf-8") == text
            assert notes == (() if codec == "utf-8" else ("read as GBK",))


def test_what_study_toml_says_is_taken(file):
    # By its bytes alone this would be taken for Chinese.
    file.write_bytes("이름,값\n김철수,삼\n".encode("euc-kr"))
    assert rows(file, encoding="euc-kr") == ([["이름", "값"], ["김철수", "삼"]], ())
    file.write_bytes(codecs.BOM_UTF8 + CHINESE.encode())
    assert rows(file, encoding="utf-8") == (expected(CHINESE), ())


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("codec", ["utf-8", "gbk"])
def test_line_ends_of_three_kinds(file, end, codec):
    file.write_bytes(CHINESE.replace("\n", end).encode(codec))
    assert rows(file)[0] == expected(CHINESE)


def test_mixed_line_ends(file):
    file.write_bytes(b'a,b\r\n1,2\n3,"x\r\ny"\r\n5,6\r7,8')
    assert rows(file) == ([["a", "b"], ["1", "2"], ["3", "x\ny"], ["5", "6"], ["7", "8"]], ())


def test_a_nul_byte_is_damage(file):
    file.write_bytes(b"a,b\n1,2\n" + b"x" * 300 + b"\n3,4\n\0\0\0")
    assert refusal(file) == (
        "transactions: line 5 of orders.csv holds a NUL byte, so the file is damaged or no text; export it again, or "
        "give its encoding under [tables.transactions]."
    )


@pytest.mark.parametrize("spoil", [lambda b: b[:-1], lambda b: b.replace("李".encode(), b"\xe6\x9d", 1)])
def test_utf8_with_a_damaged_place_is_not_taken_for_another_encoding(file, spoil):
    file.write_bytes(spoil((CHINESE + "赵敏,2025-01-03,张").encode()))
    line = 3 if file.read_bytes().count("李".encode()) == 0 else 4
    assert refusal(file) == (
        f"transactions: orders.csv is UTF-8 text but for line {line}, which is damaged; correct that line, or give the "
        "file's encoding under [tables.transactions]."
    )


def test_text_in_none_of_the_encodings(file):
    file.write_bytes(b"a,b\nx\x81\x8d,\x9d\x90\x8f\n")
    assert refusal(file) == (
        "transactions: orders.csv is no text in UTF-8, GBK or Windows-1252; give its encoding under "
        "[tables.transactions]."
    )


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "gb2312", "gbk"])
def test_a_wrong_encoding_in_study_toml(file, encoding):
    file.write_bytes(b"a,b\r\n1,2\r\nM\xfc,3\r\n")
    assert refusal(file, encoding=encoding) == (
        f"transactions: line 3 of orders.csv is not written in {encoding}; correct encoding under "
        "[tables.transactions], or leave it out."
    )


def test_a_codec_that_is_not_for_text(file):
    file.write_text("a,b\n1,2\n")
    assert refusal(file, UsageError, encoding="hex") == (
        '[tables.transactions] encoding = \'hex\' is not for text; use a name such as "gbk" or "utf-8".'
    )


cells = st.text(st.sampled_from("ab19 ,;|\t\"'#张é\n"), max_size=6)


@given(
    lines=st.lists(st.tuples(cells, cells, st.just("x")), min_size=1, max_size=8),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
    mark=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_was_written_is_read(tmp_path_factory, lines, codec, mark, end):
    file = tmp_path_factory.mktemp("written") / "orders.csv"
    text = io.StringIO()
    csv.writer(text, delimiter=mark, lineterminator=end).writerows([("first", "第二", "third"), *lines])
    file.write_bytes(text.getvalue().encode(codec))
    before = file.read_bytes()
    found, _ = rows(file, delimiter=mark, encoding=codec)
    assert found[1:] == [[cell or None for cell in line] for line in lines]
    assert file.read_bytes() == before


@pytest.mark.parametrize("header", ["日期,金额", "day,amount"])
def test_marks_in_full_width_speak_for_gbk(file, header):
    text = header + "\n" + "2025-01-01,￥19.90（含税）\n" * 50
    file.write_bytes(text.encode("gbk"))
    assert rows(file) == (expected(text), ("read as GBK",))
