"""Asking: the words of a questionnaire, on paper and in files."""
