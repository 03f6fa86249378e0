"""Which category a customer buys next: the model and its check out of time."""
