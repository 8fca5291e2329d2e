"""The REST API server: workflows of others, taken over HTTP and run as Prefect flow runs.

`settings` says what the operator allows, `app` puts the endpoints together, `document` judges a workflow that
came from outside, and `flow` is what a worker runs of it, in another process. The server keeps nothing by
itself: runs, their results and the texts of workflows are in Prefect.
"""
