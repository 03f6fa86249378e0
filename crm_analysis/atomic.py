"""Files that are whole at every moment: written aside, then put in their place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Give a path to write to; what was written takes the file's place when the block ends without an error.

    Parameters
    ----------
    file : Path
        The file to make or to replace; its folder must exist.

    Yields
    ------
    Path
        A path beside it, of this process alone.
    """
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
