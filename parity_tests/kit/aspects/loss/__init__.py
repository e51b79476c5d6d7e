"""What a network reports as its loss."""
