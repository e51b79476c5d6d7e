"""What a network takes for the gradient of its loss."""
