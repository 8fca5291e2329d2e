from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[1] / "plugins"


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs a file of tests in processes of its own, and gives what pytest said."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    pytester.makeconftest(
        f"import sys\nsys.path.insert(0, {str(PLUGINS)!r})\nimport hangs\nfrom hangs import *\n"
        "hangs.AGAIN, hangs.CLEANING = 3, 3\n"
    )

    def run(source: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(textwrap.dedent(source))
        plugins = ("-p", "no:cov", "-p", "no:schemathesis", "-p", "no:randomly")
        return pytester.runpytest_subprocess("--timeout=5", *plugins, *arguments, timeout=100)

    return run


def test_a_time_limit_that_is_swallowed_comes_again(run):
    result = run(
        """
        import time

        def test_deaf():
            try:
                time.sleep(300)
            except BaseException:
                time.sleep(300)

        def test_next():
            pass
        """
    )
    result.assert_outcomes(failed=1, passed=1)


def test_what_a_failed_test_leaves_to_clean_up_is_limited_too(run):
    result = run(
        """
        import time

        import pytest

        @pytest.fixture
        def room():
            yield
            time.sleep(300)

        def test_failed(room):
            assert False

        def test_next():
            time.sleep(3.5)
        """
    )
    result.assert_outcomes(failed=1, errors=1, passed=1)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_test_that_ends_its_process_fails_once_and_the_others_go_on(run, processes):
    result = run(
        """
        import os

        import pytest

        @pytest.mark.xdist_group("room")
        @pytest.mark.parametrize("number", range(4))
        def test_room(number):
            if number in (1, 2):
                os._exit(1)

        @pytest.mark.parametrize("number", range(5))
        def test_alone(number):
            pass
        """,
        *("-n", processes, "--dist", "loadgroup"),
    )
    result.assert_outcomes(failed=2, passed=7)
    result.stdout.fnmatch_lines(["*crashed while running '*test_room[[]1]@room'*"])
