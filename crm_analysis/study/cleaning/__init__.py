"""Raw tables -> clean tables: formats standardised, copies removed, wrong values left out, everything counted."""
