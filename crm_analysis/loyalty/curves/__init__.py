"""The inner room of `loyalty.trap`: the curve of loyalty over satisfaction, and what bends it."""
