"""What the script of a web page would do, with the package websockets: connects, registers on a DN in JSON, and prints what it is told until a
call has ended.

  page.py URL CA.PEM ORIGIN DN
"""

import json
import ssl
import sys

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

url, authority, origin, dn = sys.argv[1:]
trust = ssl.create_default_context(cafile=authority) if url.startswith("wss:") else None
try:
    socket = connect(url, ssl=trust, origin=origin, subprotocols=["tlib.jackfield"], open_timeout=60, close_timeout=60)
except InvalidStatus as refused:
    print(refused.response.status_code, refused.response.body.decode().strip(), flush=True)
    sys.exit()


def ask(reference, **message):
    socket.send(json.dumps({**message, "ReferenceID": reference}))
    answer = json.loads(socket.recv(timeout=60))
    assert answer["ReferenceID"] == reference, answer
    return answer["type"]


with socket:
    hello = {"type": "RequestRegisterClient", "ProtocolVersion": "jackfield tlib 1", "ApplicationName": "page"}
    assert ask(1, **hello) == "EventLinkConnected"
    assert ask(2, type="RequestRegisterAddress", ThisDN=dn) == "EventRegistered"
    assert socket.subprotocol == "tlib.jackfield"
    # The library answers and measures it: the other side is a WebSocket through and through.
    assert socket.ping().wait(timeout=60)
    # Cut into three frames of text.
    socket.send(['{"type": "RequestQuery', 'Server", "Refer', 'enceID": 3}'])
    assert json.loads(socket.recv(timeout=60))["type"] == "EventServerInfo"
    print("ready", flush=True)
    while True:
        event = json.loads(socket.recv(timeout=60))
        print(event["type"], event["ThisDN"], event["OtherDN"], flush=True)
        if event["type"] == "EventReleased":
            break
print("closed", socket.close_code, flush=True)
