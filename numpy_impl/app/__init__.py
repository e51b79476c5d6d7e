"""What the command line does, one command per module, on top of the library."""
