"""What the loyalty score is made of."""
