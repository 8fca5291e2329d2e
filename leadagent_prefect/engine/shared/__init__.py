"""What the processes of one Prefect API share about services: circuit breakers, paces, slots."""
