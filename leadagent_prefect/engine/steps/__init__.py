"""A step of a run: its task run, its attempts, its calls, its items and rounds."""
