"""The project's own phones (tests/load), which know digests and TLS."""

import json
import os
import socket
import subprocess

from .process import Failed, wait_for

# Phones, or pairs of phones, at once.
THREADS = 8


def run(what, port, count, *options):
    """Runs a load to its end and gives what came of it."""
    program = os.environ.get("JACKFIELD_LOAD")
    if not program:
        raise Failed("JACKFIELD_LOAD names no program; run this through `cargo xtask bench`")
    def listening():
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False
    if "udp" not in options and "--over" in options:
        # The subject counts as started when it listens over UDP.
        wait_for(listening, f"TCP port {port}")
    command = [program, what, "--to", f"127.0.0.1:{port}", "--count", str(count), "--threads", str(THREADS), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise Failed(f"the load ended with {done.returncode}:\n{done.stderr[-800:]}")
    return json.loads(done.stdout)


def certified(listen, work):
    """Puts a new certificate and its key where the listeners say CERT and KEY."""
    certificate, key = os.path.join(work, "cert.pem"), os.path.join(work, "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
               "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"openssl made no certificate:\n{done.stderr[-800:]}")
    return listen.replace("CERT", certificate).replace("KEY", key)
