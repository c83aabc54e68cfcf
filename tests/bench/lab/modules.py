"""What the T-Library modules of the switch count, and a load (tests/load) that says where what is measured begins and ends."""

import json
import subprocess
import urllib.request

from .process import Failed


def modules(http):
    """What each module counts, by its tag; `None` as long as the HTTP API is not there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{http}/api/modules", timeout=10) as answer:
            return {one["module"]: one for one in json.load(answer)}
    except OSError:
        return None


def in_steps(command, running, http):
    """Runs a load; gives the CPU seconds of the program and what the modules count before and after it, and what came of it."""
    load = subprocess.Popen([*command, "--steps"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    taken = []
    try:
        for word in ("ready", "done"):
            if load.stdout.readline().strip() != word:
                break
            # What asking costs does not count.
            counted = modules(http) if word == "ready" else None
            seconds = running.cpu_seconds()
            taken.append((seconds, modules(http) if counted is None else counted))
            load.stdin.write("\n")
            load.stdin.flush()
        said, errors = load.communicate(timeout=120)
    finally:
        load.kill()
    if load.returncode or len(taken) < 2:
        raise Failed(f"the load ended with {load.returncode}: {said[-400:]}{errors[-800:]}")
    running.check_alive()
    return *taken, json.loads(said)
