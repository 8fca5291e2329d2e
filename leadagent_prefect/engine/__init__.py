"""Plan -> Prefect flow, and how it runs. Import its modules late: they import Prefect."""
