"""A linphone that watches the calls of a user: liblinphone's own subscription, with no sound and no screen.

    lamp.py USER PORT SECONDS

Subscribes to the dialog package of USER at the switch on 127.0.0.1:PORT, for so many seconds at a time, and writes a line of
JSON for each state of the subscription and each NOTIFY. Ends the subscription, and itself, when its standard input ends.
"""

import ctypes
import json
import select
import sys
import tempfile

LIBRARY = "liblinphone.so.10"
STATES = ["none", "progress", "incoming", "pending", "active", "terminated", "error", "expiring"]
SETTINGS = """[sip]
sip_port=-1
sip_tcp_port=-1
sip_tls_port=-1
use_ipv6=0
default_proxy=0

[proxy_0]
reg_proxy=<sip:127.0.0.1:{port};transport=udp>
reg_identity=<sip:lamp@127.0.0.1>
reg_expires=600
reg_sendregister=1
"""

Pointer, Text, Int = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
OnNotify = ctypes.CFUNCTYPE(None, Pointer, Pointer, Text, Pointer)
OnState = ctypes.CFUNCTYPE(None, Pointer, Pointer, Int)


def library():
    lib = ctypes.CDLL(LIBRARY)
    for name, gives, takes in [
        ("factory_get", Pointer, []),
        ("factory_create_core_3", Pointer, [Pointer, Text, Text, Pointer]),
        ("factory_create_core_cbs", Pointer, [Pointer]),
        ("core_cbs_set_notify_received", None, [Pointer, OnNotify]),
        ("core_cbs_set_subscription_state_changed", None, [Pointer, OnState]),
        ("core_add_callbacks", None, [Pointer, Pointer]),
        ("core_start", Int, [Pointer]),
        ("core_iterate", None, [Pointer]),
        ("core_set_network_reachable", None, [Pointer, Int]),
        ("core_subscribe", Pointer, [Pointer, Pointer, Text, Int, Pointer]),
        ("address_new", Pointer, [Text]),
        ("content_get_utf8_text", Text, [Pointer]),
        ("event_terminate", None, [Pointer]),
    ]:
        function = getattr(lib, f"linphone_{name}")
        function.restype, function.argtypes = gives, takes
    return lib


def say(**what):
    print(json.dumps(what), flush=True)


def main():
    user, port, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    lib = library()

    @OnNotify
    def on_notify(_core, _event, package, content):
        text = lib.linphone_content_get_utf8_text(content) if content else None
        say(event="notify", package=package.decode(), body=(text or b"").decode())

    @OnState
    def on_state(_core, _event, state):
        say(event="subscription", state=STATES[state])
        if STATES[state] in ("terminated", "error"):
            ended.append(state)

    ended = []
    factory = lib.linphone_factory_get()
    with tempfile.NamedTemporaryFile("w") as settings:
        settings.write(SETTINGS.format(port=port))
        settings.flush()
        core = lib.linphone_factory_create_core_3(factory, settings.name.encode(), None, None)
    callbacks = lib.linphone_factory_create_core_cbs(factory)
    lib.linphone_core_cbs_set_notify_received(callbacks, on_notify)
    lib.linphone_core_cbs_set_subscription_state_changed(callbacks, on_state)
    lib.linphone_core_add_callbacks(core, callbacks)
    lib.linphone_core_start(core)
    lib.linphone_core_set_network_reachable(core, 1)
    whom = lib.linphone_address_new(f"sip:{user}@127.0.0.1:{port}".encode())
    event = lib.linphone_core_subscribe(core, whom, b"dialog", seconds, None)
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        lib.linphone_core_iterate(core)
    lib.linphone_event_terminate(event)
    while not ended:
        lib.linphone_core_iterate(core)
        select.select([], [], [], 0.02)


main()
