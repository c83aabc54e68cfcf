"""The systems under test, each started the same way and found on its port."""

import os
import shutil
import subprocess

from .process import Failed, Subject

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CALLEE_PORT = 5090
PEER_PORT = 5070
# What lab.toml and its sisters listen on.
JACKFIELD_PORT = 5060
JACKFIELD_HTTP = "http://127.0.0.1:8080"


def find(program):
    # Debian keeps servers out of a plain user's path.
    path = shutil.which(program, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if not path:
        raise Failed(f"{program} is not installed; `cargo xtask bench` installs it where it can")
    return path


class Description:
    """How a system under test is started, and how it is loaded."""

    def __init__(self, name, port, command, registers=True):
        self.name, self.port, self.command, self.registers = name, port, command, registers

    def start(self, work):
        return Subject(self.command(work), os.path.join(work, "subject.log"), self.port, cwd=work)


def forwarder():
    def command(work):
        program = os.path.join(work, "forward")
        subprocess.run(["rustc", "--edition", "2024", "-O", "-o", program, os.path.join(BENCH, "forward.rs")], check=True)
        return [program, str(PEER_PORT), str(CALLEE_PORT)]
    return Description("forwarder", PEER_PORT, command, registers=False)


def kamailio(scripted=False):
    def command(work):
        name = "kamailio-lua.cfg" if scripted else "kamailio.cfg"
        with open(os.path.join(BENCH, "peers", name)) as file:
            text = file.read()
        text = text.replace("LISTEN", f"127.0.0.1:{PEER_PORT}").replace("SCRIPT", os.path.join(BENCH, "peers", "kamailio.lua"))
        configuration = os.path.join(work, name)
        with open(configuration, "w") as file:
            file.write(text)
        return [find("kamailio"), "-DD", "-E", "-m", "256", "-M", "16", "-Y", work, "-f", configuration]
    return Description("kamailio-lua" if scripted else "kamailio", PEER_PORT, command)


def registrar(asks):
    """Kamailio as a registrar in memory that asks for a password, or not."""
    def command(work):
        with open(os.path.join(BENCH, "peers", "kamailio-register.cfg")) as file:
            text = file.read()
        text = text.replace("LISTEN", f"127.0.0.1:{PEER_PORT}").replace("AUTH_AUTH", "AUTH_yes" if asks else "AUTH_no")
        configuration = os.path.join(work, "kamailio-register.cfg")
        with open(configuration, "w") as file:
            file.write(text)
        return [find("kamailio"), "-DD", "-E", "-m", "256", "-M", "16", "-Y", work, "-f", configuration]
    return Description("kamailio-register", PEER_PORT, command)


def jackfield(name, configuration, *options):
    """The switch with one of the configurations beside this folder, and options of `jackfield run`."""
    def command(_work):
        program = os.environ.get("JACKFIELD_BIN")
        if not program:
            raise Failed("JACKFIELD_BIN names no program; run this through `cargo xtask bench`")
        return [program, "run", "--config", os.path.join(BENCH, configuration), *options]
    return Description(name, JACKFIELD_PORT, command)
