"""A network as the kit sees it."""
