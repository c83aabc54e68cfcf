"""Messages as bytes, against the schema and against the files that host/tlib wrote."""

import json

import pytest
from conftest import ROOT
from google.protobuf import descriptor_pb2

import jackfield_tlib as tlib
from jackfield_tlib import tlib_pb2
from jackfield_tlib.requests import Requests

FIXTURES = ROOT / "sdk/tlib/fixtures"
NAMES = ["all-kinds", "established", "registration"]


def from_json(text):
    """A message of the JSON form, read by the words of docs/tlib.md alone."""
    read = json.loads(text)
    message = tlib.Message(read.pop("type"))
    fields = tlib_pb2.TMessage.DESCRIPTOR.fields_by_name
    for key, value in read.items():
        field = fields[key]
        if field.type == field.TYPE_FIXED64:
            value = tlib.ConnID(value, 16)
        elif field.type == field.TYPE_BYTES:
            value = bytes.fromhex(value)
        elif field.type == field.TYPE_MESSAGE:
            value = pairs_of(value)
        message.attributes[key] = value
    return message


def pairs_of(pairs):
    out = tlib.KvList()
    for key, value in pairs:
        if isinstance(value, list):
            value = pairs_of(value)
        elif isinstance(value, dict):
            (mark, text), = value.items()
            value = {"binary": bytes.fromhex, "unicode": tlib.Unicode}[mark](text)
        out.append((key, value))
    return out


def kinds(value):
    return [(key, type(item), kinds(item) if isinstance(item, list) else item) for key, item in value]


@pytest.mark.parametrize("name", NAMES)
def test_what_the_server_writes_is_read_equal(name):
    read = tlib.Message.decode((FIXTURES / f"{name}.bin").read_bytes())
    want = from_json((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    assert read == want
    if read.UserData is not None:
        assert kinds(read.UserData) == kinds(want.UserData)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_the_file_that_the_server_is_tested_with(name):
    message = from_json((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    written = message.encode()
    assert written == (FIXTURES / f"{name}.python.bin").read_bytes()
    assert tlib.Message.decode(written) == message


def test_the_generated_module_is_that_of_the_schema(tmp_path):
    protoc = pytest.importorskip("grpc_tools.protoc")
    out = tmp_path / "schema"
    arguments = ["protoc", f"-I{ROOT / 'sdk'}", f"--descriptor_set_out={out}", "tlib.proto"]
    assert protoc.main(arguments) == 0
    fresh = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file[0]
    for message in fresh.message_type:
        for field in message.field:
            field.ClearField("json_name")
    have = descriptor_pb2.FileDescriptorProto()
    tlib_pb2.DESCRIPTOR.CopyToProto(have)
    assert have == fresh, "generate jackfield_tlib/tlib_pb2.py anew, README.md says how"


def test_an_attribute_that_is_not_there_is_none_and_one_that_there_is_not_is_an_error():
    event = tlib.Message("EventRinging", ThisDN="2001", CallState=0)
    assert (event.ThisDN, event.OtherDN, event.CallState) == ("2001", None, 0)
    assert ("OtherDN" in event, "CallState" in tlib.Message.decode(event.encode())) == (False, True)
    with pytest.raises(AttributeError, match="there is no attribute 'ThisDn'"):
        event.ThisDn
    with pytest.raises(TypeError, match="there is no attribute 'ThisDn'"):
        tlib.Message("EventRinging", ThisDn="2001")
    with pytest.raises(ValueError, match="there is no message 'EventNone'"):
        tlib.Message("EventNone")


def test_a_list_is_made_of_a_dict_or_of_pairs():
    pairs = tlib.KvList([("a", 1), ("a", {"b": "x"})])
    event = tlib.Message("EventACK", UserData={"k": "v", "l": [("x", b"\x00")]}, Reason=pairs)
    read = tlib.Message.decode(event.encode())
    assert read.UserData == [("k", "v"), ("l", [("x", b"\x00")])]
    assert (read.Reason.get("a"), read.Reason.get_all("a")) == (1, [1, [("b", "x")]])
    assert read.UserData.as_dict() == {"k": "v", "l": {"x": b"\x00"}}


def test_what_cannot_be_written_or_read_is_an_error():
    for attributes in ({"ThisDN": 5}, {"CallState": 2**31}, {"UserData": {"a": 1.5}}, {"UserData": {"a": 2**31}}):
        with pytest.raises(tlib.MalformedMessage):
            tlib.Message("EventACK", **attributes).encode()
    for data in (b"", b"\x10\x01", b"\xff", b"\xc8\x3e\x0e\x9a\x03\x05\x0a\x03\x0a\x01k"):
        with pytest.raises(tlib.MalformedMessage):
            tlib.Message.decode(data)
    assert tlib.Message.decode(b"\xc8\x3e\xf4\x03") is None, "a type of a newer server"


def test_ids_and_enumerations_print_as_the_interface_has_them():
    assert str(tlib.ConnID(0x6C02462A161006)) == "006c02462a161006"
    assert (tlib.CallType.Inbound, tlib.ForwardMode.None_, tlib.ErrorCode.BadPassword) == (2, 0, 119)
    mask = tlib.input_mask(all_but=[tlib.MessageType.EventRinging])
    assert (len(mask), mask[7], mask[8]) == (64, 0b11101111, 0xFF)
    assert tlib.input_mask(only=[tlib.MessageType.EventRinging])[7] == 0b00010000


def test_every_request_has_one_t_function():
    asked = []

    class Recorder(Requests):
        def send(self, name, **attributes):
            asked.append(tlib.Message(name, **attributes))

    functions = [name for name in vars(Requests) if not name.startswith("_") and name != "send"]
    for name in functions:
        function = getattr(Recorder(), name)
        names = function.__code__.co_varnames[1 : function.__code__.co_argcount]
        optional = len(function.__defaults__ or ())
        given = [{} if name == "user_data" else 0 for name in names[: len(names) - optional]]
        function(*given, reasons={"r": 1}, extensions={"e": 2})
        assert asked[-1].Reason == [("r", 1)] and asked[-1].Extensions == [("e", 2)]
    not_functions = {"RequestRegisterClient", "RequestLostBackupConnection"}
    requests = {kind.name for kind in tlib.MessageType if kind.name.startswith("Request")}
    assert sorted(message.name for message in asked) == sorted(requests - not_functions)
