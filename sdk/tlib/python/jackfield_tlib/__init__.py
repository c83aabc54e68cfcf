"""T-Library client of the Jackfield softswitch: ``Client`` is where to begin, README.md has an example.

The names of requests, events and attributes are the interface's. There is no affiliation with its vendor.
"""

from .client import PROTOCOL_VERSION, Client, Reference
from .enums import *  # noqa: F401,F403
from .enums import __all__ as _enums
from .errors import ConnectionClosed, EventError, RegistrationRefused, TlibError
from .message import ConnID, KvList, MalformedMessage, Message, Unicode
from .requests import input_mask

__all__ = [
    "Client",
    "ConnID",
    "ConnectionClosed",
    "EventError",
    "KvList",
    "MalformedMessage",
    "Message",
    "PROTOCOL_VERSION",
    "Reference",
    "RegistrationRefused",
    "TlibError",
    "Unicode",
    "input_mask",
    *_enums,
]
