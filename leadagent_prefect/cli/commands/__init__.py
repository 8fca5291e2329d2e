"""One module a command; each has a ``command`` and imports late what it needs."""
