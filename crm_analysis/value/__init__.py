"""What customers are worth: lifetime value, delivered value, relations, retention."""
