"""SIPp as caller, callee and phone that registers."""

import csv
import glob
import os
import subprocess
import time

from .process import Failed, tail, udp_port_is_taken, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
SCENARIOS = os.path.join(os.path.dirname(HERE), "sipp")
HOST = "127.0.0.1"
# Calls that may be up at once before SIPp holds new ones back.
CALLS_AT_ONCE_MAX = 5000


def scenario(name):
    return os.path.join(SCENARIOS, f"{name}.xml")


def register(port, user, contact_port, work):
    """Registers a user once, from a port of SIPp's own choice."""
    command = ["sipp", f"{HOST}:{port}", "-i", HOST, "-nostdin", "-sf", scenario("register"), "-m", "1", "-p", "5091",
               "-key", "user", user, "-key", "contact_port", str(contact_port), "-timeout", "10", "-timeout_error"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise Failed(f"{user} could not be registered at port {port} (sipp status {done.returncode}):\n{done.stdout[-800:]}{done.stderr[-800:]}")


class Callee:
    """A phone that answers everything; counts what it had to repeat."""

    def __init__(self, port, work):
        self.stat = os.path.join(work, f"callee-{port}.csv")
        command = ["sipp", "-i", HOST, "-p", str(port), "-sf", scenario("callee"), "-nostdin",
                   "-trace_stat", "-stf", self.stat, "-fd", "1"]
        if udp_port_is_taken(port):
            raise Failed(f"UDP port {port} is taken; stop what listens there and run again")
        self.process = subprocess.Popen(command, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: udp_port_is_taken(port), "the callee to listen", 10)

    def counters(self):
        return last_row(self.stat)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Caller:
    """A run of calls in the background."""

    def __init__(self, port, user, work, calls, rate, name="caller", local_port=5093, hold_ms=100, scenario_name="caller",
                 at_once=CALLS_AT_ONCE_MAX):
        self.calls, self.work, self.name = calls, work, name
        self.stat = os.path.join(work, f"{name}.csv")
        self.output = os.path.join(work, f"{name}.out")
        self.folder = os.path.join(work, f"{name}.logs")
        os.makedirs(self.folder, exist_ok=True)
        # Numbered Call-IDs, so that every call can be asked for afterwards.
        self.call_id = f"{name}-%u"
        command = ["sipp", f"{HOST}:{port}", "-i", HOST, "-p", str(local_port), "-sf", scenario(scenario_name), "-s", user,
                   "-m", str(calls), "-r", str(rate), "-l", str(at_once), "-d", str(hold_ms), "-nostdin",
                   "-cid_str", self.call_id, "-timeout", str(int(calls / rate) + 60), "-timeout_error",
                   "-trace_stat", "-stf", self.stat, "-fd", "1", "-trace_err"]
        self.began = time.monotonic()
        with open(self.output, "w") as output:
            self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)

    def running(self):
        return self.process.poll() is None

    def finish(self):
        """Waits for the end and gives what SIPp counted."""
        self.process.wait()
        seconds = time.monotonic() - self.began
        row = last_row(self.stat)
        if not row:
            raise Failed(f"SIPp made no calls (status {self.process.returncode}):\n{tail(self.output)}")
        return {
            "calls_ok": int(row["SuccessfulCall(C)"]),
            "calls_failed": int(row["FailedCall(C)"]) + self.calls - int(row["TotalCallCreated"]),
            "retransmissions": int(row["Retransmissions(C)"]),
            "seconds": round(seconds, 2),
            "errors": errors(self.folder),
        }

    def call_ids(self):
        return [self.call_id.replace("%u", str(number)) for number in range(1, self.calls + 1)]


def last_row(path):
    """The last line of SIPp's statistics, by column."""
    try:
        with open(path) as file:
            rows = list(csv.reader(file, delimiter=";"))
    except OSError:
        return {}
    return dict(zip(rows[0], rows[-1])) if len(rows) > 1 else {}


def errors(folder, lines=5):
    """The first lines of SIPp's own account of what went wrong."""
    for path in glob.glob(os.path.join(folder, "*_errors.log")):
        with open(path, errors="replace") as file:
            return [line.strip() for line in file.readlines()[:lines]]
    return []


def quantile(ascending, share):
    if not ascending:
        return None
    return round(ascending[min(len(ascending) - 1, int(share * len(ascending)))], 3)
