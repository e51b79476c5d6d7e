"""The right ways and the wrong ones to compute each step of a backward pass."""
