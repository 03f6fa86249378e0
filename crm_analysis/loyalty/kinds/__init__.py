"""What the kinds of loyalty are made of."""
