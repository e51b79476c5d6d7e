"""What becomes of labels and samples."""
