"""Messages, and how they are written: the protobuf of ``sdk/tlib.proto``."""

from google.protobuf.message import DecodeError

from . import tlib_pb2
from .errors import TlibError

_FIELDS = tlib_pb2.TMessage.DESCRIPTOR.fields_by_name
_TYPES = tlib_pb2.DESCRIPTOR.enum_types_by_name["MessageType"]
ATTRIBUTES = frozenset(_FIELDS) - {"type"}
_IDS = {name for name, field in _FIELDS.items() if field.type == field.TYPE_FIXED64} - {
    "EventSequenceNumber"
}
_LISTS = {name for name, field in _FIELDS.items() if field.message_type is not None}
_KINDS = ("text", "number", "binary", "list", "unicode")


class MalformedMessage(TlibError):
    """Bytes that are no message, or values that an attribute cannot have."""


class ConnID(int):
    """A connection id: printed as 16 hexadecimal digits."""

    def __str__(self):
        return f"{int(self):016x}"

    def __repr__(self):
        return f"ConnID(0x{self})"


class Unicode(str):
    """A string of a key-value list that is marked as Unicode."""


class KvList(list):
    """A key-value list: pairs in order, a key perhaps more than once.

    Made of a dict, or of pairs. A value is a string, an int, bytes, ``Unicode``, or another list or dict.
    """

    def __init__(self, pairs=()):
        pairs = pairs.items() if hasattr(pairs, "items") else pairs
        super().__init__((key, _value(value)) for key, value in pairs)

    def get(self, key, default=None):
        """The first value of a key."""
        return next((value for have, value in self if have == key), default)

    def get_all(self, key):
        """All values of a key, in order."""
        return [value for have, value in self if have == key]

    def as_dict(self):
        """As a dict; of a key that is there more than once the last value."""
        return {
            key: value.as_dict() if isinstance(value, KvList) else value for key, value in self
        }


def _value(value):
    return KvList(value) if isinstance(value, (dict, list, tuple)) else value


class Message:
    """A request or an event: ``name`` and the attributes that are there.

    An attribute is read by its name, ``event.ThisDN``; one that is not there is ``None``. ``"ThisDN" in event`` tells the two apart.
    """

    __slots__ = ("name", "attributes")

    def __init__(self, name, **attributes):
        if name not in _TYPES.values_by_name:
            raise ValueError(f"there is no message {name!r}")
        unknown = sorted(set(attributes) - ATTRIBUTES)
        if unknown:
            raise TypeError(f"there is no attribute {unknown[0]!r}")
        self.name = name
        self.attributes = {
            key: KvList(value) if key in _LISTS else value
            for key, value in attributes.items()
            if value is not None
        }

    def __getattr__(self, name):
        if name in ATTRIBUTES:
            return self.attributes.get(name)
        raise AttributeError(f"there is no attribute {name!r}")

    def __getitem__(self, name):
        return self.attributes[name]

    def __contains__(self, name):
        return name in self.attributes

    def __eq__(self, other):
        return isinstance(other, Message) and (self.name, self.attributes) == (
            other.name,
            other.attributes,
        )

    __hash__ = None

    def __repr__(self):
        attributes = "".join(f", {key}={value!r}" for key, value in self.attributes.items())
        return f"Message({self.name!r}{attributes})"

    @property
    def is_event(self):
        """Whether it is the server's."""
        return self.name.startswith("Event")

    def encode(self):
        """The bytes of the message, without its length."""
        out = tlib_pb2.TMessage()
        out.type = _TYPES.values_by_name[self.name].number
        for key, value in self.attributes.items():
            try:
                if key in _LISTS:
                    getattr(out, key).SetInParent()
                    _write_list(getattr(out, key), value)
                else:
                    setattr(out, key, value)
            except (TypeError, ValueError) as error:
                raise MalformedMessage(f"{key} cannot be {value!r}: {error}") from None
        return out.SerializeToString()

    @classmethod
    def decode(cls, data):
        """The message of these bytes; ``None`` when its type is not known, which a newer server may have."""
        read = tlib_pb2.TMessage()
        try:
            read.ParseFromString(bytes(data))
        except DecodeError as error:
            raise MalformedMessage(f"{len(data)} bytes are no message: {error}") from None
        if not read.HasField("type"):
            raise MalformedMessage("the message has no type (field 1001)")
        kind = _TYPES.values_by_number.get(read.type)
        if kind is None:
            return None
        message = cls(kind.name)
        for field, value in read.ListFields():
            if field.name in _LISTS:
                message.attributes[field.name] = _read_list(value)
            elif field.name in _IDS:
                message.attributes[field.name] = ConnID(value)
            elif field.name != "type":
                message.attributes[field.name] = value
        return message


def _write_list(out, pairs):
    for key, value in pairs:
        pair = out.pairs.add()
        pair.key = key
        if isinstance(value, Unicode):
            pair.unicode = value
        elif isinstance(value, str):
            pair.text = value
        elif isinstance(value, (bytes, bytearray)):
            pair.binary = bytes(value)
        elif isinstance(value, int):
            pair.number = value
        elif isinstance(value, list):
            pair.list.SetInParent()
            _write_list(pair.list, value)
        else:
            raise TypeError(f"the value of {key!r} is a {type(value).__name__}")


def _read_list(read):
    out = KvList()
    for pair in read.pairs:
        kind = pair.WhichOneof("value")
        if kind not in _KINDS:
            raise MalformedMessage(f"the pair {pair.key!r} of a key-value list has no value")
        value = getattr(pair, kind)
        if kind == "list":
            value = _read_list(value)
        elif kind == "unicode":
            value = Unicode(value)
        out.append((pair.key, value))
    return out
