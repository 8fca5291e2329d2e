"""The process that runs: how it is stopped, that it lives, and what it outlasts."""
