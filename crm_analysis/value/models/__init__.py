"""Models of buying, spending and renewing, one module each, and what is made of them."""
