"""What a network does with its gradient."""
