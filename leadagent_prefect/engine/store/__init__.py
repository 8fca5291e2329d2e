"""What a run keeps beside its results, so that it can be taken up again."""
