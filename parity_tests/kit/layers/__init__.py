"""A single layer, or a loss, against PyTorch's of the same name."""
