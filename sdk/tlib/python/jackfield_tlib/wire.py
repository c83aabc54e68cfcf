"""One connection: frames over TCP or TLS. A frame is the length of a message as four bytes, big-endian, and the message."""

import select
import socket
import ssl
import struct
import threading

from .errors import ConnectionClosed

PREFIX = struct.Struct(">I")
BYTES_MAX = 262_144
_CHUNK = 65_536


class Wire:
    """Sends from any thread and receives from one.

    A TLS connection may not be read and written at the same time by two threads: each call to the socket is made under a lock, on a socket
    that never blocks, and what waits does so without it.
    """

    def __init__(self, host, port, timeout, tls=None, server_hostname=None):
        self._socket = socket.create_connection((host, port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname=server_hostname or host)
        self._socket.setblocking(False)
        self._call = threading.Lock()
        self._send = threading.Lock()
        self._held = bytearray()
        self._closed = False

    @property
    def local_host(self):
        """The address of this end."""
        return self._socket.getsockname()[0]

    def send(self, body, timeout):
        """Sends one message whole; raises ``ConnectionClosed`` when that is not done in time."""
        data = memoryview(PREFIX.pack(len(body)) + body)
        with self._send:
            while data:
                try:
                    with self._call:
                        data = data[self._socket.send(data) :]
                except (BlockingIOError, ssl.SSLWantWriteError):
                    if not self._wait(write=True, timeout=timeout):
                        raise ConnectionClosed("the server does not read") from None
                except ssl.SSLWantReadError:
                    self._wait(write=False, timeout=timeout)
                except OSError as error:
                    raise ConnectionClosed(f"the connection broke: {error}") from None

    def receive(self, timeout):
        """The messages that are whole with what came; ``None`` when nothing came in time. Raises ``ConnectionClosed`` at the end."""
        if not self._pending() and not self._wait(write=False, timeout=timeout):
            return None
        try:
            with self._call:
                chunk = self._socket.recv(_CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return []
        except OSError as error:
            raise ConnectionClosed(f"the connection broke: {error}") from None
        if not chunk:
            raise ConnectionClosed("the server is gone")
        self._held += chunk
        return list(self._frames())

    def shut(self):
        """Ends the connection: the thread that receives sees its end."""
        self._closed = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        """Gives the socket back. Who uses it still is told that it is closed."""
        self._closed = True
        with self._call:
            self._socket.close()

    def _frames(self):
        at = 0
        while len(self._held) - at >= PREFIX.size:
            (length,) = PREFIX.unpack_from(self._held, at)
            if length > BYTES_MAX:
                raise ConnectionClosed(f"the server sent a message of {length} bytes")
            end = at + PREFIX.size + length
            if len(self._held) < end:
                break
            yield bytes(self._held[at + PREFIX.size : end])
            at = end
        del self._held[:at]

    def _pending(self):
        return isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0

    def _wait(self, write, timeout):
        if self._closed:
            raise ConnectionClosed("closed by this client")
        sockets = [self._socket]
        try:
            # select cannot name descriptors above 1023; poll can.
            if hasattr(select, "poll"):
                poll = select.poll()
                poll.register(self._socket, select.POLLOUT if write else select.POLLIN)
                return bool(poll.poll(None if timeout is None else timeout * 1000))
            ready = select.select([] if write else sockets, sockets if write else [], [], timeout)
            return any(ready)
        except (OSError, ValueError) as error:
            raise ConnectionClosed(f"the connection broke: {error}") from None
