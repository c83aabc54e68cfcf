//! Bytes to messages: the protobuf of `sdk/tlib.proto`. Fields that are not known are skipped; what no reader of protobuf takes is an
//! error, and so is what is over a limit.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Attribute, Kind, KvList, KvPair, KvValue, Limits, Message, MessageType, Value,
    encode::{PAIRS, TYPE, pair},
    field::WireType,
};

/// Why bytes are no message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{fault}, at byte {at} of the message")]
pub struct DecodeError {
    /// What is wrong.
    pub fault: Fault,
    /// Where: bytes from the beginning of the message, its length in front not counted.
    pub at: usize,
}

/// What is wrong with bytes that should be a message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// A value goes on after the end of what it is in.
    #[error("a value is cut off")]
    CutOff,
    /// A varint that has more than 64 bits.
    #[error("a number has more than ten bytes")]
    Varint,
    /// A field number that protobuf does not have, or a group.
    #[error("the tag {0} is of no field that can be read")]
    Tag(u64),
    /// A field that is known has a value of another wire type.
    #[error("field {field} has the wire type {wire}, which its attribute does not have")]
    WireType {
        /// The number of the field.
        field: u32,
        /// The wire type that it came with.
        wire: u8,
    },
    /// Text that is not UTF-8.
    #[error("the text of field {field} is not UTF-8")]
    Text {
        /// The number of the field.
        field: u32,
    },
    /// A pair of a list without a value.
    #[error("a pair of a key-value list has no value")]
    Pair,
    /// No field 1001.
    #[error("there is no message type (field 1001)")]
    NoType,
    /// A message type that is not known. Everything else could be read.
    #[error("the message type {number} is not known")]
    UnknownType {
        /// The number of the type.
        number: i64,
        /// The ReferenceID of the message, for its answer.
        reference: Option<u32>,
    },
    /// A limit; its name and value.
    #[error("the message is over {name}, {max}")]
    Limit {
        /// The field of [`Limits`].
        name: &'static str,
        /// What it is set to.
        max: usize,
    },
}

impl Message {
    /// Reads a message in the wire form, without its length in front.
    ///
    /// # Errors
    ///
    /// When the bytes are no message, or are over one of the limits.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        if bytes.len() > limits.message_bytes_max {
            let (name, max) = ("message_bytes_max", limits.message_bytes_max);
            return Err(DecodeError { fault: Fault::Limit { name, max }, at: max });
        }
        Decoder { limits, pairs: 0 }.message(Cursor { rest: bytes, end: bytes.len() })
    }
}

struct Decoder<'a> {
    limits: &'a Limits,
    /// Pairs read so far, in all lists.
    pairs: usize,
}

/// Bytes that are being read, and where they end in the message.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    rest: &'a [u8],
    end: usize,
}

/// A field as it came.
struct Field<'a> {
    number: u32,
    wire: WireType,
    /// Where its tag is.
    at: usize,
    /// A varint, or eight bytes; else nothing.
    int: u64,
    /// The bytes of its value.
    value: Cursor<'a>,
}

type Read<T> = Result<T, DecodeError>;

const fn fail<T>(fault: Fault, at: usize) -> Read<T> {
    Err(DecodeError { fault, at })
}

impl Decoder<'_> {
    fn message(mut self, mut cursor: Cursor<'_>) -> Read<Message> {
        let end = cursor.end;
        let mut message = Message::with_capacity(MessageType::RequestRegisterClient, 32);
        let mut kind = None;
        let mut seen = Seen::default();
        while let Some(field) = cursor.field()? {
            if field.number == TYPE {
                kind = Some((field.int32()?, field.at));
            } else if let Some(attribute) = Attribute::of(field.number) {
                self.attribute(&mut message, &mut seen, attribute, &field)?;
            }
        }
        let Some((number, at)) = kind else { return fail(Fault::NoType, end) };
        let number = i64::from(number);
        let Some(kind) = MessageType::of(number) else {
            let reference = message.reference_id();
            return fail(Fault::UnknownType { number, reference }, at);
        };
        Ok(message.of_kind(kind))
    }

    #[inline]
    fn attribute(
        &mut self,
        message: &mut Message,
        seen: &mut Seen,
        attribute: Attribute,
        field: &Field<'_>,
    ) -> Read<()> {
        if !seen.first(attribute) {
            return self.again(message, attribute, field);
        }
        if message.len() == self.limits.attributes_max {
            let (name, max) = ("attributes_max", self.limits.attributes_max);
            return fail(Fault::Limit { name, max }, field.at);
        }
        // Each kind is appended where it is read: a value that goes from hand to hand is copied as often, and that shows.
        match attribute.kind() {
            Kind::Text => message.append(attribute, Value::Text(field.text()?)),
            Kind::Int => message.append(attribute, Value::Int(field.int()?)),
            Kind::Enum => message.append(attribute, Value::Int(field.int32()?.into())),
            Kind::ConnId | Kind::Sequence => message.append(attribute, Value::Id(field.id()?)),
            Kind::Bytes => message.append(attribute, Value::Bytes(field.binary()?)),
            Kind::List => {
                let mut list = KvList::new();
                self.list(field.expect(WireType::Bytes)?.value, &mut list, 1)?;
                message.append(attribute, Value::List(list));
            }
        }
        Ok(())
    }

    /// Of a field that is there twice the last one holds; lists are put together, as protobuf does with messages.
    #[cold]
    fn again(
        &mut self,
        message: &mut Message,
        attribute: Attribute,
        field: &Field<'_>,
    ) -> Read<()> {
        let value = match attribute.kind() {
            Kind::Text => Value::Text(field.text()?),
            Kind::Int => Value::Int(field.int()?),
            Kind::Enum => Value::Int(field.int32()?.into()),
            Kind::ConnId | Kind::Sequence => Value::Id(field.id()?),
            Kind::Bytes => Value::Bytes(field.binary()?),
            Kind::List => {
                let mut list = KvList::new();
                self.list(field.expect(WireType::Bytes)?.value, &mut list, 1)?;
                Value::List(list)
            }
        };
        match (message.get_mut(attribute), value) {
            (Some(Value::List(have)), Value::List(more)) => have.attach(more),
            (Some(have), value) => *have = value,
            (None, _) => {}
        }
        Ok(())
    }

    fn list(&mut self, mut cursor: Cursor<'_>, list: &mut KvList, depth: usize) -> Read<()> {
        if depth > self.limits.depth_max {
            let (name, max) = ("depth_max", self.limits.depth_max);
            return fail(Fault::Limit { name, max }, cursor.at());
        }
        while let Some(field) = cursor.field()? {
            if field.number == PAIRS {
                if self.pairs == self.limits.pairs_max {
                    let (name, max) = ("pairs_max", self.limits.pairs_max);
                    return fail(Fault::Limit { name, max }, field.at);
                }
                self.pairs += 1;
                self.pair(field.expect(WireType::Bytes)?.value, list, depth)?;
            }
        }
        Ok(())
    }

    /// Reads a pair as it is mostly written, its key and then a string or a number, and any other as [`Self::any_pair`] does.
    #[inline]
    fn pair(&mut self, pair: Cursor<'_>, list: &mut KvList, depth: usize) -> Read<()> {
        let mut cursor = pair;
        if let Some(first) = cursor.field()?
            && first.number == pair::KEY
        {
            let key = first.text()?;
            if let Some(second) = cursor.field()?
                && cursor.rest.is_empty()
            {
                match second.number {
                    pair::TEXT => {
                        list.push_pair(KvPair { key, value: KvValue::Text(second.text()?) });
                        return Ok(());
                    }
                    pair::NUMBER => {
                        list.push_pair(KvPair { key, value: KvValue::Int(second.int32()?) });
                        return Ok(());
                    }
                    _ => {}
                }
            }
        }
        list.push_pair(self.any_pair(pair, depth)?);
        Ok(())
    }

    fn any_pair(&mut self, mut cursor: Cursor<'_>, depth: usize) -> Read<KvPair> {
        let begin = cursor.at();
        let mut key = None;
        let mut value = None;
        while let Some(field) = cursor.field()? {
            match field.number {
                pair::KEY => key = Some(field.text()?),
                pair::TEXT => value = Some(KvValue::Text(field.text()?)),
                pair::NUMBER => {
                    value = Some(KvValue::Int(field.int32()?));
                }
                pair::BINARY => value = Some(KvValue::Binary(field.binary()?)),
                pair::LIST => {
                    let within = field.expect(WireType::Bytes)?.value;
                    let mut list = match value.take() {
                        Some(KvValue::List(list)) => list,
                        _ => KvList::new(),
                    };
                    self.list(within, &mut list, depth + 1)?;
                    value = Some(KvValue::List(list));
                }
                pair::UNICODE => value = Some(KvValue::Unicode(field.text()?)),
                _ => {}
            }
        }
        let Some(value) = value else { return fail(Fault::Pair, begin) };
        Ok(KvPair { key: key.unwrap_or_else(|| "".into()), value })
    }
}

impl<'a> Cursor<'a> {
    const fn at(&self) -> usize {
        self.end - self.rest.len()
    }

    /// The next field, or nothing at the end.
    #[inline(always)]
    fn field(&mut self) -> Read<Option<Field<'a>>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let at = self.at();
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number));
        let (Some(number), Some(wire)) = (number, WireType::of(tag)) else {
            return fail(Fault::Tag(tag), at);
        };
        let mut field = Field { number, wire, at, int: 0, value: Cursor { rest: &[], end: at } };
        match wire {
            WireType::Varint => field.int = self.varint()?,
            WireType::Fixed64 => {
                let value = self.take(8)?;
                field.int = u64::from_le_bytes(value.rest.try_into().unwrap_or_default());
            }
            WireType::Fixed32 => field.value = self.take(4)?,
            WireType::Bytes => {
                let length = self.varint()?;
                field.value = self.take(length)?;
            }
        }
        Ok(Some(field))
    }

    #[inline]
    fn take(&mut self, length: u64) -> Read<Self> {
        let split = usize::try_from(length).ok().and_then(|at| self.rest.split_at_checked(at));
        let Some((value, rest)) = split else { return fail(Fault::CutOff, self.at()) };
        self.rest = rest;
        Ok(Self { rest: value, end: self.at() })
    }

    #[inline]
    fn varint(&mut self) -> Read<u64> {
        match self.rest {
            [byte @ 0..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            [low, high @ 0..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(low & 0x7f) | u64::from(*high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Read<u64> {
        let mut value = 0;
        for (n, byte) in self.rest.iter().enumerate() {
            if n == 9 && *byte > 1 {
                return fail(Fault::Varint, self.at());
            }
            value |= u64::from(byte & 0x7f) << (7 * n);
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(n + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        fail(Fault::CutOff, self.at())
    }
}

impl Field<'_> {
    #[inline]
    fn expect(&self, wire: WireType) -> Read<&Self> {
        if self.wire == wire {
            return Ok(self);
        }
        fail(Fault::WireType { field: self.number, wire: self.wire as u8 }, self.at)
    }

    #[inline]
    fn text(&self) -> Read<Arc<str>> {
        match std::str::from_utf8(self.expect(WireType::Bytes)?.value.rest) {
            Ok(text) => Ok(text.into()),
            Err(_) => fail(Fault::Text { field: self.number }, self.at),
        }
    }

    #[inline]
    fn int(&self) -> Read<i64> {
        Ok(self.expect(WireType::Varint)?.int.cast_signed())
    }

    /// An enumeration has 32 bits; a reader takes the lower ones.
    #[inline]
    fn int32(&self) -> Read<i32> {
        Ok(self.expect(WireType::Varint)?.int as i32)
    }

    #[inline]
    fn id(&self) -> Read<u64> {
        Ok(self.expect(WireType::Fixed64)?.int)
    }

    fn binary(&self) -> Read<Bytes> {
        Ok(Bytes::copy_from_slice(self.expect(WireType::Bytes)?.value.rest))
    }
}

/// The attributes that have been seen, a bit for each; those of our own come after those of the table.
#[derive(Default)]
struct Seen([u64; 3]);

impl Seen {
    /// Whether this attribute is seen for the first time.
    #[inline]
    fn first(&mut self, attribute: Attribute) -> bool {
        let number = attribute.number();
        let bit = if number < 160 { number } else { 160 + (number - 1000) % 32 };
        let (word, mask) = ((bit / 64) as usize, 1 << (bit % 64));
        let Some(word) = self.0.get_mut(word) else { return false };
        let first = *word & mask == 0;
        *word |= mask;
        first
    }
}
