"""What is told of a gradient by steps alone, and what a first step is made of."""
