"""What three estimators of one model say, and why they differ."""
