from __future__ import annotations

import pytest

SKIPS = """
    import pytest

    @pytest.mark.skip(reason="needs npm")
    def test_marked():
        pass

    def test_called():
        pytest.skip("needs a server")

    @pytest.mark.skip(reason="Windows only")
    def test_other():
        pass

    @pytest.mark.xfail(reason="needs a mend")
    def test_expected():
        assert False
"""


def run(pytester: pytest.Pytester, source: str) -> pytest.RunResult:
    pytester.makepyfile(source)
    return pytester.runpytest_inprocess("-p", "ci_skips", "-p", "no:cov", "-p", "no:asyncio")


def test_in_ci_a_test_that_lacks_what_it_needs_fails(pytester, monkeypatch):
    monkeypatch.setenv("CI", "true")
    result = run(pytester, SKIPS)
    result.assert_outcomes(errors=1, failed=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(
        ["*every test must run: needs npm.*", "*every test must run: needs a server.*"]
    )


def test_elsewhere_it_is_skipped(pytester, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    run(pytester, SKIPS).assert_outcomes(skipped=3, xfailed=1)


def test_in_ci_a_module_that_lacks_what_it_needs_is_an_error(pytester, monkeypatch):
    monkeypatch.setenv("CI", "true")
    result = run(pytester, 'import pytest\npytest.skip("needs npm", allow_module_level=True)')
    result.assert_outcomes(errors=1)
    assert result.ret != 0
