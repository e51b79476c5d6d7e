"""Networks that are right, and faults planted in them: what the kit itself is tested by."""
