"""Spelling: what somebody may have meant by a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

_MOST = 8


def known(name: str, names: Sequence[str]) -> str:
    """Return the end of a message about an unknown name: the names that are near it or, if none is, all.

    Parameters
    ----------
    name : str
        What was written.
    names : sequence of str
        What is known.

    Returns
    -------
    str
        ``did you mean Q10 or Q1``, or ``known are a, b, c``.
    """
    folded = {other.casefold(): other for other in names}
    near = [folded[one] for one in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)]
    if near:
        return f"did you mean {' or '.join(near)}"
    return f"known are {', '.join(names[:_MOST])}" + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")
