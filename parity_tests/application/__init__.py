"""What a person uses: data files, checkpoints, training, the command line."""
