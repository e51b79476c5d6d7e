"""The formulas of optimizers, right and wrong, and which of them somebody's steps are."""
