"""NumPy against PyTorch: outputs, gradients, optimizer steps, whole trainings."""
