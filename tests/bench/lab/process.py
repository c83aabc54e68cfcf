"""Processes under test: started in a session of their own, measured from /proc, ended with everything they started."""

import collections
import os
import signal
import subprocess
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A benchmark could not be carried out; the text says why and what to do."""


def wait_for(condition, what, seconds=15):
    """Waits until condition() is true and gives its value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise Failed(f"waited {seconds} s in vain for {what}")


def find_program(variable):
    """The path of a program that the environment names."""
    program = os.environ.get(variable)
    if not program:
        raise Failed(f"{variable} names no program; run this through `cargo xtask bench`")
    return program


def udp_port_is_taken(port):
    """True when some process has bound UDP 127.0.0.1:port or 0.0.0.0:port."""
    ending = f":{port:04X}"
    with open("/proc/net/udp") as table:
        return any(line.split()[1].endswith(ending) for line in table.readlines()[1:])


class Subject:
    """One system under test: a command in the foreground and all processes of its session."""

    def __init__(self, command, log, port, cwd=None, env=None):
        if udp_port_is_taken(port):
            raise Failed(f"UDP port {port} is taken; stop what listens there (`ss -ulnp`) and run again")
        self.log = log
        with open(log, "w") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, cwd=cwd, env=env)
        try:
            wait_for(lambda: udp_port_is_taken(port) or self.process.poll() is not None, f"{command[0]} to listen on UDP {port}")
            self.check_alive()
        except Failed as failure:
            self.stop()
            raise Failed(f"{failure}; its output:\n{tail(log)}") from None

    def check_alive(self):
        if self.process.poll() is not None:
            raise Failed(f"the system under test ended with {self.process.returncode}")

    def pids(self):
        """Every process of the session."""
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit() and self._session(name) == self.process.pid:
                found.append(int(name))
        return found

    @staticmethod
    def _session(pid):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                return int(stat.read().rpartition(")")[2].split()[3])
        except (OSError, IndexError, ValueError):
            return None

    def cpu_seconds(self):
        """User and system time of all threads so far, to the nanosecond where the kernel tells."""
        return sum(_thread_seconds(pid) for pid in self.pids())

    def memory_kib(self):
        """Proportional and resident set of all processes, in KiB."""
        parts = self.memory_parts_kib()
        return parts["Pss"], parts["Rss"]

    def memory_parts_kib(self):
        """Sums over all processes by their names in smaps_rollup, in KiB: Pss, Rss, Pss_Anon and others."""
        parts = collections.Counter()
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/smaps_rollup") as rollup:
                    for line in rollup:
                        fields = line.split()
                        if len(fields) == 3 and fields[2] == "kB":
                            parts[fields[0].rstrip(":")] += int(fields[1])
            except OSError:
                continue
        return parts

    def mappings(self):
        """How many mappings all processes have, and how many KiB of them are executable."""
        count = executable = 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/maps") as maps:
                    for line in maps:
                        span, rights = line.split(maxsplit=2)[:2]
                        first, end = (int(address, 16) for address in span.split("-"))
                        count += 1
                        executable += (end - first) // 1024 if "x" in rights else 0
            except OSError:
                continue
        return count, executable

    def file_handles(self):
        """How many files and sockets all processes have open."""
        count = 0
        for pid in self.pids():
            try:
                count += len(os.listdir(f"/proc/{pid}/fd"))
            except OSError:
                continue
        return count

    def stop(self):
        for number, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 3)):
            for pid in self.pids():
                try:
                    os.kill(pid, number)
                except OSError:
                    pass
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
            deadline = time.monotonic() + patience
            while self.pids() and time.monotonic() < deadline:
                time.sleep(0.02)
            if not self.pids():
                return


def _thread_seconds(pid):
    seconds = 0.0
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat") as schedstat:
                seconds += int(schedstat.read().split()[0]) / 1e9
    except OSError:
        try:
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
        except OSError:
            return seconds
    return seconds


def tail(path, lines=15):
    try:
        with open(path, errors="replace") as file:
            return "".join(file.readlines()[-lines:])
    except OSError:
        return "(no output)"
