"""Somebody's code, found and executed."""
