//! JSON to messages.

use std::{cell::Cell, fmt};

use bytes::Bytes;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::{Attribute, Kind, KvList, KvValue, Limits, Message, MessageType, Value};

/// Why a text is no message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}")]
pub struct JsonError {
    /// What is wrong, and at which line and column.
    pub what: String,
    /// The ReferenceID of the message, where it was read before what is wrong.
    pub reference: Option<u32>,
    /// Whether it is the type that is wrong.
    pub is_of_type: bool,
}

impl Message {
    /// Reads a message in JSON. Enumerations may be numbers or names; `null` is as if the attribute were not there; a key-value list may
    /// be an object, whose order counts and whose values are no lists.
    ///
    /// # Errors
    ///
    /// When the text is no message, names an attribute that there is not or one twice, or is over one of the limits.
    pub fn from_json(text: &[u8], limits: &Limits) -> Result<Self, JsonError> {
        let reading = Reading {
            limits,
            pairs: Cell::new(0),
            reference: Cell::new(None),
            is_of_type: Cell::new(false),
        };
        let max = limits.message_bytes_max;
        let fail = |what: String| {
            let (reference, is_of_type) = (reading.reference.get(), reading.is_of_type.get());
            JsonError { what, reference, is_of_type }
        };
        if text.len() > max {
            return Err(fail(format!("the message is over message_bytes_max, {max}")));
        }
        let mut json = serde_json::Deserializer::from_slice(text);
        let message = MessageSeed(&reading).deserialize(&mut json);
        let message = message.and_then(|message| json.end().map(|()| message));
        message.map_err(|error| fail(error.to_string()))
    }
}

/// What is known while a message is being read.
struct Reading<'a> {
    limits: &'a Limits,
    /// Pairs read so far, in all lists.
    pairs: Cell<usize>,
    reference: Cell<Option<u32>>,
    /// What goes wrong now is the type.
    is_of_type: Cell<bool>,
}

impl Reading<'_> {
    fn count_pair<E: de::Error>(&self) -> Result<(), E> {
        let max = self.limits.pairs_max;
        if self.pairs.get() == max {
            return Err(E::custom(format!("the message is over pairs_max, {max}")));
        }
        self.pairs.set(self.pairs.get() + 1);
        Ok(())
    }

    fn check_depth<E: de::Error>(&self, depth: usize) -> Result<(), E> {
        let max = self.limits.depth_max;
        if depth > max {
            return Err(E::custom(format!("the message is over depth_max, {max}")));
        }
        Ok(())
    }
}

struct MessageSeed<'a>(&'a Reading<'a>);

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = Message;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Message, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = Message;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with \"type\" and attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message, A::Error> {
        let mut kind = None;
        let mut message = Message::new(MessageType::RequestRegisterClient);
        while let Some(name) = map.next_key::<String>()? {
            if name == "type" {
                self.0.is_of_type.set(true);
                kind = Some(map.next_value_seed(EnumSeed("type", Some(MessageType::NAMES)))?);
                self.0.is_of_type.set(false);
                continue;
            }
            let attribute = Attribute::named(&name)
                .ok_or_else(|| de::Error::custom(format!("there is no attribute \"{name}\"")))?;
            let Some(value) = map.next_value_seed(ValueSeed(self.0, attribute))? else { continue };
            if message.get(attribute).is_some() {
                return Err(de::Error::custom(format!("\"{name}\" is there twice")));
            }
            if message.len() == self.0.limits.attributes_max {
                let max = self.0.limits.attributes_max;
                return Err(de::Error::custom(format!(
                    "the message is over attributes_max, {max}"
                )));
            }
            message.append(attribute, value);
            self.0.reference.set(message.reference_id());
        }
        self.0.is_of_type.set(true);
        let number = kind.ok_or_else(|| de::Error::custom("there is no \"type\""))?;
        let kind = MessageType::of(number).ok_or_else(|| unknown("type", number))?;
        Ok(message.of_kind(kind))
    }
}

fn unknown<E: de::Error>(name: &str, number: i64) -> E {
    E::custom(format!("\"{name}\" is {number}, which has no name"))
}

/// The value of an attribute; none when it is `null`.
struct ValueSeed<'a>(&'a Reading<'a>, Attribute);

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<Value>, D::Error> {
        json.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the value of \"{}\"", self.1.name())
    }

    fn visit_none<E: de::Error>(self) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<Option<Value>, D::Error> {
        let name = self.1.name();
        let text = || TextSeed(name);
        Ok(Some(match self.1.kind() {
            Kind::Text => Value::Text(text().deserialize(json)?.into()),
            Kind::Int => Value::Int(EnumSeed(name, None).deserialize(json)?),
            Kind::Enum => {
                let number = EnumSeed(name, self.1.names()).deserialize(json)?;
                i32::try_from(number).map_err(|_| unknown(name, number))?;
                Value::Int(number)
            }
            Kind::ConnId | Kind::Sequence => Value::Id(id_of(name, &text().deserialize(json)?)?),
            Kind::Bytes => Value::Bytes(bytes_of(name, &text().deserialize(json)?)?),
            Kind::List => Value::List(ListSeed(self.0, 1).deserialize(json)?),
        }))
    }
}

fn id_of<E: de::Error>(name: &str, digits: &str) -> Result<u64, E> {
    let fail = || E::custom(format!("\"{name}\" is \"{digits}\", not 16 hexadecimal digits"));
    if digits.len() != 16 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(fail());
    }
    u64::from_str_radix(digits, 16).map_err(|_| fail())
}

fn bytes_of<E: de::Error>(name: &str, digits: &str) -> Result<Bytes, E> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
    bytes.map(Bytes::from).ok_or_else(|| {
        E::custom(format!("\"{name}\" is not pairs of hexadecimal digits, one for each byte"))
    })
}

/// Text; the name is of what it is the value.
struct TextSeed<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for TextSeed<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<String, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for TextSeed<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a string for \"{}\"", self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }
}

/// A whole number, or one of the names.
struct EnumSeed<'a>(&'a str, Option<crate::Names>);

impl<'de> DeserializeSeed<'de> for EnumSeed<'_> {
    type Value = i64;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<i64, D::Error> {
        json.deserialize_any(self)
    }
}

impl Visitor<'_> for EnumSeed<'_> {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.1.is_some() { " or a name" } else { "" };
        write!(f, "a whole number{name} for \"{}\"", self.0)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<i64, E> {
        i64::try_from(number).map_err(|_| E::custom(format!("\"{}\" is too large", self.0)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<i64, E> {
        match self.1.as_ref().map(|names| names.number(text)) {
            Some(Some(number)) => Ok(i64::from(number)),
            Some(None) => Err(E::custom(format!("\"{}\" is \"{text}\", which is unknown", self.0))),
            None => Err(E::invalid_type(de::Unexpected::Str(text), &self)),
        }
    }
}

/// A key-value list: how deep it is within others, from 1.
struct ListSeed<'a>(&'a Reading<'a>, usize);

impl<'de> DeserializeSeed<'de> for ListSeed<'_> {
    type Value = KvList;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<KvList, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_> {
    type Value = KvList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of [key, value], or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<KvList, A::Error> {
        self.0.check_depth(self.1)?;
        let mut list = KvList::new();
        while let Some((key, value)) = seq.next_element_seed(PairSeed(self.0, self.1))? {
            self.0.count_pair()?;
            list.push(key, value);
        }
        Ok(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KvList, A::Error> {
        self.0.check_depth(self.1)?;
        let mut list = KvList::new();
        while let Some(key) = map.next_key::<String>()? {
            self.0.count_pair()?;
            list.push(key, map.next_value_seed(KvSeed(self.0, self.1))?);
        }
        Ok(list)
    }
}

/// `[key, value]`.
struct PairSeed<'a>(&'a Reading<'a>, usize);

impl<'de> DeserializeSeed<'de> for PairSeed<'_> {
    type Value = (String, KvValue);

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for PairSeed<'_> {
    type Value = (String, KvValue);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key, value]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let fail = |length, seed| de::Error::invalid_length(length, &seed);
        let Some(key) = seq.next_element_seed(TextSeed("key"))? else { return Err(fail(0, self)) };
        let Some(value) = seq.next_element_seed(KvSeed(self.0, self.1))? else {
            return Err(fail(1, self));
        };
        match seq.next_element::<de::IgnoredAny>()? {
            None => Ok((key, value)),
            Some(_) => Err(fail(3, self)),
        }
    }
}

/// The value of a key.
struct KvSeed<'a>(&'a Reading<'a>, usize);

impl<'de> DeserializeSeed<'de> for KvSeed<'_> {
    type Value = KvValue;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<KvValue, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for KvSeed<'_> {
    type Value = KvValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a whole number, a list, {\"binary\": …} or {\"unicode\": …}")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<KvValue, E> {
        let fail = |_| E::custom(format!("{number} has more than 32 bits"));
        i32::try_from(number).map(KvValue::Int).map_err(fail)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<KvValue, E> {
        let fail = |_| E::custom(format!("{number} has more than 32 bits"));
        i32::try_from(number).map(KvValue::Int).map_err(fail)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<KvValue, E> {
        Ok(KvValue::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<KvValue, A::Error> {
        ListSeed(self.0, self.1 + 1).visit_seq(seq).map(KvValue::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KvValue, A::Error> {
        let kind = map.next_key::<String>()?;
        let value = match kind.as_deref() {
            Some(name @ "binary") => {
                KvValue::Binary(bytes_of(name, &map.next_value_seed(TextSeed(name))?)?)
            }
            Some(name @ "unicode") => KvValue::Unicode(map.next_value_seed(TextSeed(name))?.into()),
            _ => return Err(de::Error::invalid_type(de::Unexpected::Map, &self)),
        };
        match map.next_key::<String>()? {
            None => Ok(value),
            Some(_) => Err(de::Error::invalid_type(de::Unexpected::Map, &self)),
        }
    }
}
