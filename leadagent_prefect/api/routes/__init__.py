"""The endpoints, a module for each of their groups."""
