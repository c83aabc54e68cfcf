"""The enumerations of the interface, made from the schema: ``CallType.Inbound``, ``RouteType.Default`` and so on.

A name that Python has for itself ends in an underscore: ``ForwardMode.None_``.
"""

from enum import IntEnum
from keyword import iskeyword

from . import tlib_pb2

__all__ = []


def _declare(name, descriptor):
    values = {
        (value.name + "_" if iskeyword(value.name) else value.name): value.number
        for value in descriptor.values
        if value.name != "NotSet"
    }
    globals()[name] = IntEnum(name, values, module=__name__)
    __all__.append(name)


_declare("MessageType", tlib_pb2.DESCRIPTOR.enum_types_by_name["MessageType"])
for _name, _message in tlib_pb2.DESCRIPTOR.message_types_by_name.items():
    if "Value" in _message.enum_types_by_name:
        _declare(_name, _message.enum_types_by_name["Value"])
