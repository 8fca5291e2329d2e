"""Plan -> Prefect: the only room, with the worker, that imports Prefect. Import its modules late."""
