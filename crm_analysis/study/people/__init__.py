"""Records that are one person, and the history of one customer."""
