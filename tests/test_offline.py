"""The suite runs without a network: what asks for one is refused, and fails its test."""

import socket
import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

FAR = ("192.0.2.1", 80)  # an address that is nobody's, for documentation


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Where it is written down, so that only here a test may ask."""
    monkeypatch.setenv("COURSE_ASKED", str(tmp_path / "asked"))
    return tmp_path / "asked"


@pytest.mark.parametrize("ask", [
    lambda: socket.create_connection(FAR),
    lambda: socket.getaddrinfo("example.org", 443),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", FAR),
])  # fmt: skip
def test_the_network_is_out_of_reach(ask, asked):
    with pytest.raises(OSError, match="without a network"):
        ask()
    assert asked.read_text() in (f"{FAR[0]}\n", "example.org\n")


def test_it_is_for_every_python_that_a_test_starts_too(asked):
    code = "import urllib.request; urllib.request.urlopen('http://192.0.2.1')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "The tests run without a network: 192.0.2.1 is out of reach" in run.stderr
    assert asked.read_text() == "192.0.2.1\n"


def test_this_machine_is_within_reach(asked):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for name in ("127.0.0.1", "localhost"):
            socket.create_connection((name, port)).close()
    assert not asked.exists()


def test_a_test_that_asks_fails_even_if_the_error_is_caught(pytester, asked):
    pytester.makepyfile(
        "import contextlib, socket\n"
        "def test_quiet(): pass\n"
        "def test_asking():\n"
        "    with contextlib.suppress(OSError):\n"
        f"        socket.create_connection({FAR})\n"
    )
    run = pytester.runpytest_inprocess("-p", "tests.offline", "-p", "no:xdist", "-p", "no:nbval")
    run.assert_outcomes(passed=2, errors=1)
    run.stdout.fnmatch_lines(["*The network was asked for 192.0.2.1*"])
