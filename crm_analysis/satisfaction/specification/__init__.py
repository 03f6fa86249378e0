"""Specification: what a model says, what is added by default, and whether it can be estimated at all."""
