"""The switch's HTTP API."""

import json
import urllib.error
import urllib.request

from .process import Failed, wait_for
from .subjects import JACKFIELD_HTTP


def get(path):
    with urllib.request.urlopen(JACKFIELD_HTTP + path, timeout=30) as answer:
        return json.load(answer)


def post(path):
    """Gives status and JSON; a refusal is an answer too."""
    request = urllib.request.Request(JACKFIELD_HTTP + path, data=b"", method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


def wait_until_serving():
    def serving():
        try:
            return get("/status")
        except (OSError, urllib.error.URLError):
            return None
    return wait_for(serving, "the HTTP API")


def counter(name):
    """The sum of a Prometheus counter over its labels."""
    with urllib.request.urlopen(JACKFIELD_HTTP + "/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    values = [float(line.rpartition(" ")[2]) for line in lines if line.split("{")[0].split(" ")[0] == name]
    if not values:
        raise Failed(f"/metrics has no {name}")
    return sum(values)
