"""What is judged apart: one module for each aspect of a network."""
