"""Candidacy: what is put up against a model, and the evidence between two candidates."""
