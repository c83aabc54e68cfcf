"""Versions of routing plugins, written over one another as editors do."""

import os
import shutil

from .process import Failed
from .subjects import BENCH

STOCK_SCRIPT = os.path.abspath(os.path.join(BENCH, "..", "..", "scripts", "route.rhai"))

def note(version):
    """A custom section with a number in it: modules that end in another differ in their digest and in nothing else."""
    return b"\x00\x09\x04note" + version.to_bytes(4, "little")


def save(path, content):
    """Beside the file first, then over it, so that nobody reads half of it."""
    fresh = path + ".saving"
    with open(fresh, "wb") as file:
        file.write(content)
    os.replace(fresh, path)


def built(variable):
    folder = os.environ.get(variable)
    if not folder:
        raise Failed(f"{variable} names no plugin; run this through `cargo xtask bench`")
    return folder


def only(*paths):
    """Options that load these instead of what the configuration names."""
    return ("--set", "plugins.load=[%s]" % ", ".join(f'"{path}"' for path in paths))


class Script:
    """The script of lab-rhai.toml, in its place; each version ends in another comment."""

    kind = "rhai"
    configuration = "lab-rhai.toml"

    def __init__(self, work):
        self.path = os.path.join(work, "rewritten.rhai")
        with open(STOCK_SCRIPT, "rb") as file:
            self.text = file.read()
        self.options = only(self.path)
        self.write(0)

    def write(self, version):
        self.write_raw(self.text + b"\n// version %d\n" % version)

    def write_raw(self, code):
        save(self.path, code)


class Component:
    """The stock route plugin from its source, beside the embedded one; each version has another digest."""

    kind = "wasm"
    configuration = "lab.toml"

    def __init__(self, work):
        self.path = os.path.join(work, "rewritten")
        shutil.copytree(built("JACKFIELD_ROUTE"), self.path)
        manifest = os.path.join(self.path, "plugin.toml")
        with open(manifest) as file:
            text = file.read()
        with open(manifest, "w") as file:
            file.write(text.replace("stock.route", "rewritten"))
        with open(os.path.join(self.path, "plugin.wasm"), "rb") as file:
            self.code = file.read()
        self.options = ("--plugin", self.path)

    def write(self, version):
        self.write_raw(self.code + note(version))

    def write_raw(self, code):
        save(os.path.join(self.path, "plugin.wasm"), code)


class Looper:
    """A plugin that never answers for the user `probe` and leaves all others to the next plugin."""

    def __init__(self, work, kind):
        self.kind = kind
        self.configuration = "lab.toml" if kind == "wasm" else "lab-rhai.toml"
        if kind == "rhai":
            self.path = os.path.join(work, "looper.rhai")
            save(self.path, b"fn route(call) {\n    if call.callee.user == \"probe\" { while true { } }\n    pass()\n}\n")
            self.options = only(self.path, STOCK_SCRIPT)
            return
        self.path = os.path.join(work, "looper")
        shutil.copytree(built("JACKFIELD_STEPS"), self.path)
        save(os.path.join(self.path, "plugin.toml"), b"id = \"looper\"\nkind = \"wasm\"\n\n[config]\nbehaviour = \"loop\"\n")
        self.options = ("--plugin", self.path)
