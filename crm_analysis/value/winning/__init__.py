"""Winning customers: when they pay back what they cost, and how many will come."""
