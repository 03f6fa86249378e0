"""A file is replaced whole or not at all."""

import pytest

from crm_analysis.atomic import replacing


def test_what_was_written_takes_the_place(tmp_path):
    file = tmp_path / "numbers.json"
    for text in ("1", "2"):
        with replacing(file) as part:
            part.write_text(text)
        assert file.read_text() == text
    assert [found.name for found in tmp_path.iterdir()] == ["numbers.json"]


def test_an_error_leaves_the_file_as_it_was(tmp_path):
    file = tmp_path / "numbers.json"
    file.write_text("old")

    def fail() -> None:
        with replacing(file) as part:
            part.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert file.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["numbers.json"]
