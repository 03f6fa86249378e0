"""Structural equations: from rows and moments to estimates, errors, tests and draws."""
