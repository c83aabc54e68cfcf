"""Set-up times by a caller with a good clock (probe.rs)."""

import os
import subprocess

from .process import Failed
from .sipp import quantile
from .subjects import BENCH


def build(work):
    """Compiles the probe into a folder; once for a benchmark."""
    program = os.path.join(work, "probe")
    subprocess.run(["rustc", "--edition", "2024", "-O", "-o", program, os.path.join(BENCH, "probe.rs")], check=True)
    return program


class Probe:
    """Calls one after another in the background."""

    def __init__(self, program, port, user, calls, rate):
        self.process = subprocess.Popen([program, str(port), user, str(calls), str(rate)], stdout=subprocess.PIPE, text=True)

    def running(self):
        return self.process.poll() is None

    def finish(self):
        lines = self.process.communicate()[0].split("\n")
        if self.process.returncode != 0:
            raise Failed(f"the probe ended with {self.process.returncode}")
        times = sorted(int(line) / 1000 for line in lines if line.isdigit())
        failures = [line for line in lines if line.startswith("failed")]
        return {
            "probe_ok": len(times),
            "probe_failed": len(failures),
            "probe_errors": failures[:3],
            "setup_ms_p50": quantile(times, 0.50),
            "setup_ms_p99": quantile(times, 0.99),
            "setup_ms_max": times[-1] if times else None,
        }
