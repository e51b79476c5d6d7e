"""Time and memory of the training, against PyTorch, against a floor, and against a budget."""
