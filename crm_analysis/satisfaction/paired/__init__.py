"""Paired answers: what the analyses of Kano questions and service items share."""
