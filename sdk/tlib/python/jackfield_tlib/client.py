"""A T-Library client: one connection, one thread that reads it."""

import collections
import threading
import time

from .errors import ConnectionClosed, EventError, RegistrationRefused
from .message import Message
from .requests import Requests
from .wire import Wire

PROTOCOL_VERSION = "jackfield tlib 1"

#: Events that wait for ``events``; a program that takes none is told so by the end of its connection.
EVENTS_MAX = 1_000_000

#: Requests whose answers are kept for ``Reference.wait``; those of older ones are let go.
ANSWERS_MAX = 100_000

_HELLO = 1


class Reference(int):
    """The ReferenceID of a request, as the T-functions give it. ``wait`` is the blocking form."""

    def __new__(cls, number, client):
        self = super().__new__(cls, number)
        self._client = client
        return self

    def wait(self, timeout=None):
        """The event that answers the request. Raises ``EventError`` when that is one, ``TimeoutError`` when none comes."""
        return self._client.answer(self, timeout)


class Client(Requests):
    """A connection to a module of a node.

    ``with Client("localhost", 7001, application="desk", password="secret") as client:`` connects, registers and, in the end, closes. Every
    T-function is a method (``TMakeCall`` is ``make_call``) that sends the request and gives its ``Reference`` at once.

    - ``tls``: an ``ssl.SSLContext`` for TLS.
    - ``keep_alive``, ``remote_keep_alive``: after how many seconds of silence this side and the server poll; 0 never, ``None`` as the
      server thinks.
    - ``timeout``: seconds that connecting, registering and blocking forms wait.
    - ``on_event``: called with every event by the thread that reads, instead of keeping them for ``events``.
    """

    def __init__(
        self,
        host="127.0.0.1",
        port=7001,
        *,
        application,
        password=None,
        tls=None,
        server_hostname=None,
        keep_alive=None,
        remote_keep_alive=None,
        timeout=10.0,
        on_event=None,
        extensions=None,
    ):
        self.timeout = timeout
        self.server = None
        self._hello = dict(
            ProtocolVersion=PROTOCOL_VERSION,
            ApplicationName=application,
            ApplicationPassword=password,
            KeepAliveTimeout=None if keep_alive is None else int(keep_alive * 1000),
            KeepAliveRemoteTimeout=None if remote_keep_alive is None else int(remote_keep_alive * 1000),
            Extensions=extensions,
        )
        self._address = (host, port, timeout, tls, server_hostname)
        self._on_event = on_event
        self._lock = threading.Condition()
        self._events = collections.deque()
        self._answers = {}
        self._last = _HELLO
        self._silence = None
        self._end = None
        self._wire = None
        self._thread = None

    def __enter__(self):
        return self.open()

    def __exit__(self, *_):
        self.close()

    def open(self):
        """Connects and registers. ``server`` is then the answer, EventLinkConnected or EventLinkDisconnected."""
        self._wire = Wire(*self._address)
        self._answers[_HELLO] = None
        self._thread = threading.Thread(target=self._read, name="jackfield-tlib", daemon=True)
        self._thread.start()
        try:
            self._put(Message("RequestRegisterClient", ReferenceID=_HELLO, **self._hello))
            self.server = self.answer(_HELLO, self.timeout)
        except EventError as error:
            self.close()
            raise RegistrationRefused(error.code, error.text) from None
        except BaseException:
            self.close()
            raise
        milliseconds = self.server.KeepAliveRemoteTimeout or 0
        self._silence = milliseconds / 1000 or None
        return self

    def close(self):
        """Closes the connection and waits for the thread that reads."""
        if self._wire is None:
            return
        self._finish(ConnectionClosed("closed by this client"))
        self._wire.shut()
        if self._thread is not threading.current_thread():
            self._thread.join()

    @property
    def closed(self):
        """Whether the connection is over."""
        return self._end is not None

    def send(self, name, **attributes):
        """Sends any request, by its name and attributes, and gives its ``Reference``."""
        with self._lock:
            if self._end is not None:
                raise ConnectionClosed(str(self._end))
            self._last = self._last + 1 if self._last < 0xFFFF_FFFE else _HELLO + 1
            reference = self._last
            self._answers[reference] = None
            if len(self._answers) > ANSWERS_MAX:
                del self._answers[next(iter(self._answers))]
        try:
            self._put(Message(name, **{**attributes, "ReferenceID": reference}))
        except BaseException:
            with self._lock:
                self._answers.pop(reference, None)
            raise
        return Reference(reference, self)

    def call(self, function, *arguments, wait=None, **attributes):
        """The blocking form: ``client.call(client.make_call, "2001", "2002")`` gives the event that answers, or raises ``EventError``.

        ``function`` may also be the name of a request. ``wait`` is for how many seconds, ``timeout`` of the client if it is not given.
        """
        if isinstance(function, str):
            reference = self.send(function, *arguments, **attributes)
        else:
            reference = function(*arguments, **attributes)
        return reference.wait(wait)

    def register(self, dn, **attributes):
        """Registers a DN and waits: gives EventRegistered."""
        return self.call(self.register_address, dn, **attributes)

    def unregister(self, dn, **attributes):
        """Gives a DN up and waits: gives EventUnregistered."""
        return self.call(self.unregister_address, dn, **attributes)

    def answer(self, reference, timeout=None):
        """Waits for the answer to a request, once. Answers are given by ``events`` too."""
        timeout = self.timeout if timeout is None else timeout
        with self._lock:
            if reference not in self._answers:
                raise ValueError(f"no request {int(reference)} waits for an answer")
            come = lambda: self._answers.get(reference) or self._end  # noqa: E731
            self._lock.wait_for(come, timeout)
            event = self._answers.pop(reference, None)
            if event is None and self._end is not None:
                raise ConnectionClosed(str(self._end))
        if event is None:
            raise TimeoutError(f"request {int(reference)} has no answer after {timeout} seconds")
        if event.name == "EventError":
            raise EventError(event)
        return event

    def next_event(self, timeout=None):
        """The next event; ``None`` when none comes in time. Without a timeout it waits until one comes.

        Raises ``ConnectionClosed`` when there are no more and the connection is over.
        """
        with self._lock:
            self._lock.wait_for(lambda: self._events or self._end is not None, timeout)
            if self._events:
                return self._events.popleft()
            if self._end is not None:
                raise ConnectionClosed(str(self._end))
            return None

    def events(self, timeout=None):
        """Events as they come, until none comes for ``timeout`` seconds (never, without one) or this client is closed."""
        while True:
            try:
                event = self.next_event(timeout)
            except ConnectionClosed:
                if self._closed_here():
                    return
                raise
            if event is None:
                return
            yield event

    def wait_for(self, name, timeout=None, **attributes):
        """The next event of this name whose attributes are these. Those before it are passed over.

        Raises ``TimeoutError`` when none comes in time.
        """
        timeout = self.timeout if timeout is None else timeout
        until = time.monotonic() + timeout
        while True:
            event = self.next_event(max(0.0, until - time.monotonic()))
            if event is None:
                raise TimeoutError(f"no {name} with {attributes} in {timeout} seconds")
            if event.name == name and all(
                event.attributes.get(key) == value for key, value in attributes.items()
            ):
                return event

    def _closed_here(self):
        return str(self._end) == "closed by this client"

    def _put(self, message):
        self._wire.send(message.encode(), self.timeout)

    def _finish(self, end):
        with self._lock:
            if self._end is None:
                self._end = end
            self._lock.notify_all()

    def _read(self):
        try:
            polled = False
            while self._end is None:
                # Until the server has said how long a silence may be, there is none.
                frames = self._wire.receive(self._silence if self._silence else 0.5)
                if frames is not None:
                    polled = False
                    for frame in frames:
                        self._take(frame)
                elif self._silence and polled:
                    raise ConnectionClosed(
                        f"nothing was heard of the server for {2 * self._silence:g} seconds"
                    )
                elif self._silence:
                    polled = True
                    self._put(Message("KeepAlivePoll"))
        except Exception as error:
            self._finish(error if isinstance(error, ConnectionClosed) else ConnectionClosed(str(error)))
        finally:
            self._wire.shut()
            self._wire.close()

    def _take(self, frame):
        message = Message.decode(frame)
        if message is None or message.name == "KeepAliveAnswer":
            return
        if message.name == "KeepAlivePoll":
            self._put(Message("KeepAliveAnswer", ReferenceID=message.ReferenceID))
            return
        with self._lock:
            reference = message.ReferenceID
            if reference in self._answers and self._answers[reference] is None:
                self._answers[reference] = message
            if self._on_event is None:
                if len(self._events) >= EVENTS_MAX:
                    raise ConnectionClosed(f"{EVENTS_MAX} events wait, and nobody takes them")
                self._events.append(message)
            self._lock.notify_all()
        if self._on_event is not None:
            self._on_event(message)
