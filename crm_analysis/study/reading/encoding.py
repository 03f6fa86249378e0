"""Encoding: in which characters a text file is written, found out from all its bytes; and its copy in UTF-8."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path

from crm_analysis.errors import ContractError, UsageError
from crm_analysis.study.config import TableConfig

_NAMES = {"gb18030": "GBK", "cp1252": "Windows-1252", "utf-16": "UTF-16", "utf-32": "UTF-32"}
# The longer marks first: that of UTF-32 begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK = 1 << 20
# So many characters beyond ASCII are evidence enough.
_ENOUGH = 200_000
_BEYOND_ASCII = re.compile("[^\x00-\x7f]+")
# Hanzi, and the marks that stand among them in full width: ￥ （ ） ， ：
_CHINESE = re.compile("[\u4e00-\u9fa5\u3000-\u303f\uff01-\uffe5]")


def as_utf8(config: TableConfig, file: Path, copy: Path) -> tuple[Path, tuple[str, ...]]:
    """Give a text file in UTF-8 with one kind of line end: the file itself, or a copy where it is written otherwise.

    The encoding is, in this order: what study.toml says; what a byte order mark says; UTF-16 if every other byte of
    the beginning is mostly zero; UTF-8 if all bytes are; GBK (its superset GB 18030) if all bytes are and most
    characters beyond ASCII are among the Chinese characters of GB 2312; else Windows-1252.

    Parameters
    ----------
    config : TableConfig
        The table's section of study.toml.
    file : Path
        The file; it is never changed.
    copy : Path
        Where the copy is written if one is needed.

    Returns
    -------
    Path
        The file or its copy.
    tuple of str
        What a reader should know: the encoding, unless it is UTF-8.

    Raises
    ------
    ContractError
        If the bytes are no text, or not in the encoding that study.toml says.
    UsageError
        If study.toml names a codec that is not for text.
    """
    codec, plain = _examine(config, file)
    if plain:
        return file, ()
    _transcode(config, file, codec, copy)
    name = _NAMES.get(codec.removesuffix("-le").removesuffix("-be"), codec)
    return copy, () if codec == "utf-8-sig" or config.encoding is not None else (f"read as {name}",)


def _examine(config: TableConfig, file: Path) -> tuple[str, bool]:
    """Find a file's codec, and whether the engine can read the file as it is: UTF-8, all line ends alike."""
    given = _given(config)
    with file.open("rb") as content:
        first = content.read(4096)
    if given is not None and given not in ("utf-8", "utf-8-sig"):
        return given, False
    wide = next((codec for mark, codec in _MARKS if first.startswith(mark)), None) or _without_mark(first)
    if wide is not None and given is None:
        return wide, False
    broken, alike = _read_through(config, file)
    if broken is None:
        return "utf-8-sig", alike
    if given is not None:
        raise _not_in(config, file, broken)
    return _eight_bit(config, file, broken), False


def _given(config: TableConfig) -> str | None:
    if config.encoding is None:
        return None
    try:
        "".encode(config.encoding)
    except LookupError:
        raise UsageError(
            f"[tables.{config.table}] encoding = {config.encoding!r} is not for text; use a name such as "
            '"gbk" or "utf-8".'
        ) from None
    return codecs.lookup(config.encoding).name


def _without_mark(first: bytes) -> str | None:
    """Recognise UTF-16 without a mark: digits, commas and line ends have a zero byte before or behind them."""
    half = len(first) // 2
    even, odd = first[: 2 * half : 2].count(0), first[1 : 2 * half : 2].count(0)
    if half >= 8 and max(even, odd) > half / 5 and min(even, odd) < half / 50:
        return "utf-16-le" if odd > even else "utf-16-be"
    return None


def _read_through(config: TableConfig, file: Path) -> tuple[int | None, bool]:
    """Read all bytes once: the first line that is not UTF-8, and whether all line ends are alike."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    broken, lines, pairs, feeds, returns, last = None, 1, 0, 0, 0, b""
    with file.open("rb") as content:
        while True:
            chunk = content.read(_CHUNK)
            if b"\0" in chunk:
                line = feeds + 1 + chunk[: chunk.index(b"\0")].count(b"\n")
                raise ContractError(
                    f"{config.table}: line {line:,} of {file.name} holds a NUL byte, so the file is damaged or no "
                    f"text; export it again, or give its encoding under [tables.{config.table}]."
                )
            if broken is None:
                try:
                    decoder.decode(chunk, final=not chunk)
                except UnicodeDecodeError as error:
                    broken = lines + _line_ends(error.object[: error.start])
            if not chunk:
                break
            pairs += chunk.count(b"\r\n") + (last == b"\r" and chunk.startswith(b"\n"))
            feeds, returns, last = feeds + chunk.count(b"\n"), returns + chunk.count(b"\r"), chunk[-1:]
            lines = 1 + (feeds or returns)
    return broken, sum(number > 0 for number in (pairs, feeds - pairs, returns - pairs)) <= 1


def _eight_bit(config: TableConfig, file: Path, broken: int) -> str:
    """Tell GBK from Windows-1252 in a file that is not UTF-8, and both from UTF-8 with damaged places."""
    spoilt = kept = 0
    for text in _decoded(file, "utf-8", errors="replace"):
        beyond = _beyond(text)
        spoilt, kept = spoilt + beyond.count("\ufffd"), kept + len(beyond) - beyond.count("\ufffd")
        if spoilt + kept > _ENOUGH:
            break
    if kept > spoilt:
        raise ContractError(
            f"{config.table}: {file.name} is UTF-8 text but for line {broken:,}, which is damaged; correct that line, "
            f"or give the file's encoding under [tables.{config.table}]."
        )
    chinese = others = 0
    try:
        for text in _decoded(file, "gb18030"):
            if chinese + others < _ENOUGH:
                beyond = _beyond(text)
                common = len(_CHINESE.findall(beyond.encode("gb2312", "ignore").decode("gb2312")))
                chinese, others = chinese + common, others + len(beyond) - common
    except UnicodeDecodeError:
        chinese = 0
    if chinese > others:
        return "gb18030"
    try:
        for _ in _decoded(file, "cp1252"):
            pass
    except UnicodeDecodeError:
        raise ContractError(
            f"{config.table}: {file.name} is no text in UTF-8, GBK or Windows-1252; give its encoding under "
            f"[tables.{config.table}]."
        ) from None
    return "cp1252"


def _beyond(text: str) -> str:
    return "" if text.isascii() else "".join(_BEYOND_ASCII.findall(text))


def _decoded(file: Path, codec: str, *, errors: str = "strict") -> Iterator[str]:
    """Decode a file piece by piece; every line ends with a line feed."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(codec)(errors), translate=True)
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _transcode(config: TableConfig, file: Path, codec: str, copy: Path) -> None:
    lines = 1
    try:
        with copy.open("w", encoding="utf-8", newline="") as target:
            for text in _decoded(file, codec):
                # A mark at the beginning that the codec keeps would become part of the first name.
                target.write(text.removeprefix("\ufeff") if lines == 1 else text)
                lines += text.count("\n")
    except UnicodeDecodeError as error:
        raise _not_in(config, file, lines + _line_ends(error.object[: error.start])) from None


def _line_ends(content: bytes) -> int:
    return content.count(b"\n") or content.count(b"\r")


def _not_in(config: TableConfig, file: Path, line: int) -> ContractError:
    written = f"written in {config.encoding}" if config.encoding is not None else "sound text"
    return ContractError(
        f"{config.table}: line {line:,} of {file.name} is not {written}; correct encoding under "
        f"[tables.{config.table}], or leave it out."
    )
