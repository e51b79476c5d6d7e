"""What the library promises beside its formulas: memory, copies, errors, imports, determinism."""
