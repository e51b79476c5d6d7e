"""What large and small numbers do to a network."""
