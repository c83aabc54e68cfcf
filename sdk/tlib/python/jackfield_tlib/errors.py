"""What goes wrong."""


class TlibError(Exception):
    """Every error of this package."""


class ConnectionClosed(TlibError):
    """The connection is over; the text says why."""


class RegistrationRefused(TlibError):
    """The server did not take this client: ``code`` and ``text`` are those of its EventError."""

    def __init__(self, code, text):
        super().__init__(f"the server refused the registration: {text} (error {code})")
        self.code = code
        self.text = text


class EventError(TlibError):
    """A request was answered EventError: ``code`` (an ``ErrorCode`` where it has a name), ``text``, and the whole ``event``."""

    def __init__(self, event):
        super().__init__(f"{event.ErrorMessage or 'no text'} (error {event.ErrorCode})")
        self.event = event
        self.code = event.ErrorCode
        self.text = event.ErrorMessage
