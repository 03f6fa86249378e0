"""Churn: who leaves next, when, and whom it pays to keep."""
