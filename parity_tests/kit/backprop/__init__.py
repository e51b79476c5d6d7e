"""What a gradient is made of, recomputed from the last layer to the first."""
