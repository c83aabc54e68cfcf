"""A desktop written with sdk/tlib/python, over TLS: registers on a DN and prints what it is told until a call has ended.

  secure.py PORT CA.PEM DN
"""

import pathlib
import ssl
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "sdk" / "tlib" / "python"))
from jackfield_tlib import Client  # noqa: E402

port, authority, dn = sys.argv[1:]
trust = ssl.create_default_context(cafile=authority)
with Client("localhost", int(port), application="desk", tls=trust, timeout=60) as client:
    client.register(dn)
    print("ready", flush=True)
    for event in client.events(timeout=60):
        if event.ThisDN == dn and event.name != "EventRegistered":
            print(event.name, event.ThisDN, event.OtherDN, flush=True)
        if event.name == "EventReleased":
            break
