"""What the tests share: the echo server of host/tlib, built and run by Cargo."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "sdk/tlib/python"))


@pytest.fixture(scope="session")
def echo():
    """Host and port of a server without a switch."""
    command = ["cargo", "run", "--quiet", "--locked", "--package", "jackfield-tlib", "--example", "echo"]
    environment = {**os.environ, "CARGO_TERM_COLOR": "never"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            host, _, port = server.stdout.readline().strip().rpartition(":")
            yield host, int(port)
        finally:
            server.terminate()
