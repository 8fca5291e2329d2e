"""The plugins of the tests; fixtures stand in tests/."""

pytest_plugins = ["canaries", "ci_skips", "example_services", "pytester", "rest_servers"]
