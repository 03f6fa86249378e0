"""Every error raised on purpose. Each is one clear sentence that names the cure, and knows its exit code."""


class CrmError(Exception):
    """Base of all errors of this package: what went wrong and what to do, in one sentence."""

    exit_code = 1


class UsageError(CrmError):
    """The call is wrong: an unknown name, a value of the wrong type, a file that is not there (exit code 2)."""

    exit_code = 2


class DataError(CrmError):
    """The call is right but the data cannot answer it: too few values, a date before the first order (code 3)."""

    exit_code = 3


class ContractError(DataError):
    """The tables break the contract so that no analysis can start: a required column is missing (exit code 3)."""
