"""What keeping customers is worth: its arithmetic, and where the profit of a kept customer comes from."""
