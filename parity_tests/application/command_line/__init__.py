"""The command line, from its arguments to its files, its output and its exit code."""
