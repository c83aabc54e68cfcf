"""The client against a server that is built of host/tlib."""

import socket
import ssl
import subprocess
import threading

import pytest

import jackfield_tlib as tlib

PASSWORD = "secret"


@pytest.fixture
def client(echo):
    with tlib.Client(*echo, application="desk", password=PASSWORD) as client:
        yield client


def test_a_desktop_registers_calls_and_sees_events(client):
    assert client.server.name == "EventLinkConnected"
    assert client.server.ProtocolVersion == tlib.PROTOCOL_VERSION
    assert client.register("2001").ThisDN == "2001"
    reference = client.make_call("2001", "2002", user_data={"Segment": "gold", "Tries": 2})
    dialing = reference.wait()
    assert (dialing.name, dialing.ReferenceID, str(dialing.ConnID)) == ("EventDialing", reference, "006c02462a161006")
    assert dialing.UserData == [("Segment", "gold"), ("Tries", 2)]
    assert repr(dialing.EventSequenceNumber) == "2", "a number, as it counts; ConnIDs are none"
    names = [event.name for event in client.events(timeout=0.2)]
    assert names == ["EventLinkConnected", "EventRegistered", "EventDialing", "EventRinging"]


def test_the_blocking_form_raises_event_error(client):
    with pytest.raises(tlib.EventError, match="RequestHoldCall is not done here") as error:
        client.call(client.hold_call, "2001", tlib.ConnID(1))
    assert error.value.code == tlib.ErrorCode.Unsupported
    with pytest.raises(tlib.EventError):
        client.call("RequestQueryServer")


def test_an_event_that_is_sent_comes_back_as_it_was(client):
    data = tlib.KvList([("a", "x"), ("a", {"n": -1}), ("u", tlib.Unicode("é")), ("b", b"\x00\xff")])
    sent = client.send_event(
        tlib.MessageType.EventQueued, ThisDN="7000", ConnID=2**64 - 1, UserData=data, reasons={"RTR": 1}
    )
    assert sent.wait().name == "EventACK"
    event = client.wait_for("EventQueued", ThisDN="7000")
    assert (event.UserData, event.Reason, event.ConnID) == (data, [("RTR", 1)], 2**64 - 1)
    assert type(event.UserData[2][1]) is tlib.Unicode
    assert event.ReferenceID is None


def test_events_go_to_a_function_if_there_is_one(echo):
    come = []
    ringing = threading.Event()

    def on_event(event):
        come.append(event.name)
        if event.name == "EventRinging":
            ringing.set()

    with tlib.Client(*echo, application="desk", on_event=on_event) as client:
        client.make_call("2001", "2002")
        assert ringing.wait(5)
    assert come == ["EventLinkConnected", "EventDialing", "EventRinging"]


def test_a_function_for_events_may_close_its_client(echo):
    closed = threading.Event()

    def on_event(event):
        if event.name == "EventRinging":
            client.close()
            closed.set()

    client = tlib.Client(*echo, application="desk", on_event=on_event).open()
    client.make_call("2001", "2002")
    assert closed.wait(5)
    with pytest.raises(tlib.ConnectionClosed, match="closed by this client"):
        client.query_server()
    client.close()


def test_a_wrong_password_is_refused(echo):
    with pytest.raises(tlib.RegistrationRefused, match="bad password") as error:
        tlib.Client(*echo, application="desk", password="wrong").open()
    assert error.value.code == tlib.ErrorCode.BadPassword


def test_a_silent_connection_is_kept_alive_from_both_sides(echo):
    with tlib.Client(*echo, application="desk", keep_alive=1, remote_keep_alive=1) as client:
        assert client.server.KeepAliveRemoteTimeout == 1000
        assert [event.name for event in client.events(timeout=3.5)] == ["EventLinkConnected"]
        assert client.register("2001")


def test_a_server_that_falls_silent_is_given_up():
    with silent_server() as port:
        client = tlib.Client("127.0.0.1", port, application="desk", keep_alive=1)
        with pytest.raises(tlib.ConnectionClosed, match="nothing was heard of the server for 2 seconds"):
            with client:
                for _ in client.events(timeout=10):
                    pass


class silent_server:
    """Takes one client, answers its registration and nothing more."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.run, daemon=True).start()
        return self.listener.getsockname()[1]

    def __exit__(self, *_):
        self.listener.close()

    def run(self):
        self.client, _ = self.listener.accept()
        self.client.recv(1000)
        answer = tlib.Message("EventLinkConnected", ReferenceID=1, KeepAliveRemoteTimeout=1000).encode()
        self.client.sendall(len(answer).to_bytes(4, "big") + answer)


def test_a_request_without_an_answer_times_out_and_a_closed_client_says_so():
    with silent_server() as port:
        with tlib.Client("127.0.0.1", port, application="desk") as client:
            with pytest.raises(TimeoutError, match="has no answer after 0.1 seconds"):
                client.query_server().wait(0.1)
            with pytest.raises(TimeoutError, match="no EventRinging"):
                client.wait_for("EventRinging", timeout=0.1)
        assert list(client.events()) == []
        with pytest.raises(tlib.ConnectionClosed, match="closed by this client"):
            client.query_server()


def test_many_threads_share_a_client(client):
    def calls():
        for number in range(50):
            assert client.call(client.make_call, "2001", str(number)).OtherDN == str(number)

    threads = [threading.Thread(target=calls) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = [event.name for event in client.events(timeout=0.5)]
    assert names.count("EventDialing") == names.count("EventRinging") == 400


def test_it_speaks_tls(echo, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=forward, args=(listener, server, echo), daemon=True).start()
    trust = ssl.create_default_context(cafile=certificate)
    port = listener.getsockname()[1]
    with tlib.Client("127.0.0.1", port, application="desk", tls=trust, server_hostname="localhost") as client:
        # Larger than what TLS carries in one piece.
        data = {str(number): "x" * 1000 for number in range(100)}
        assert client.call(client.make_call, "2001", "2002", user_data=data).UserData.as_dict() == data
        client.wait_for("EventRinging")
        test_many_threads_share_a_client(client)
    listener.close()


def forward(listener, server, echo):
    """One TLS connection, to the server without TLS and back, by one thread."""
    accepted, _ = listener.accept()
    outside = server.wrap_socket(accepted, server_side=True)
    inside = socket.create_connection(echo)
    outside.settimeout(0.001)
    inside.settimeout(0.001)
    while True:
        for source, sink in ((outside, inside), (inside, outside)):
            try:
                data = source.recv(65_536)
            except TimeoutError:
                continue
            except OSError:
                data = b""
            if not data:
                outside.close()
                inside.close()
                return
            sink.settimeout(5)
            sink.sendall(data)
            sink.settimeout(0.001)
