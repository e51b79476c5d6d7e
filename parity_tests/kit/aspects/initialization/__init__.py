"""Where the parameters of a network begin."""
