//! Bytes to messages: the protobuf of `sdk/tlib.proto`. Fields that are not known are skipped; what no reader of protobuf takes is an
//! error, and so is what is over a limit.

use std::{ops::Range, sync::Arc};

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
        Decoder { bytes, limits, pairs: 0 }.message()
    }
}

struct Decoder<'a> {
    bytes: &'a [u8],
    limits: &'a Limits,
    /// Pairs read so far, in all lists.
    pairs: usize,
}

/// The part of the bytes that is being read.
#[derive(Clone)]
struct Span(Range<usize>);

/// A field as it came.
struct Field {
    number: u32,
    wire: WireType,
    /// Where its tag is.
    at: usize,
    /// A varint, or eight bytes; else nothing.
    int: u64,
    /// The bytes of its value.
    span: Span,
}

type Read<T> = Result<T, DecodeError>;

const fn fail<T>(fault: Fault, at: usize) -> Read<T> {
    Err(DecodeError { fault, at })
}

impl Decoder<'_> {
    fn message(mut self) -> Read<Message> {
        let mut message = Message::with_capacity(MessageType::RequestRegisterClient, 32);
        let mut kind = None;
        let mut seen = Seen::default();
        let mut span = Span(0..self.bytes.len());
        while let Some(field) = self.field(&mut span)? {
            if field.number == TYPE {
                // An enumeration has 32 bits; a reader takes the lower ones.
                kind = Some((field.expect(WireType::Varint)?.int as i32, field.at));
            } else if let Some(attribute) = Attribute::of(field.number) {
                self.attribute(&mut message, &mut seen, attribute, &field)?;
            }
        }
        let Some((number, at)) = kind else { return fail(Fault::NoType, self.bytes.len()) };
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
        field: &Field,
    ) -> Read<()> {
        let value = match attribute.kind() {
            Kind::Text => Value::Text(self.text(field)?),
            Kind::Int => Value::Int(field.expect(WireType::Varint)?.int.cast_signed()),
            Kind::Enum => Value::Int(i64::from(field.expect(WireType::Varint)?.int as i32)),
            Kind::ConnId | Kind::Sequence => Value::Id(field.expect(WireType::Fixed64)?.int),
            Kind::Bytes => Value::Bytes(self.binary(field)?),
            Kind::List => {
                let span = field.expect(WireType::Bytes)?.span.clone();
                let mut list = KvList::new();
                self.list(span, &mut list, 1)?;
                Value::List(list)
            }
        };
        if seen.first(attribute) {
            if message.len() == self.limits.attributes_max {
                let (name, max) = ("attributes_max", self.limits.attributes_max);
                return fail(Fault::Limit { name, max }, field.at);
            }
            message.append(attribute, value);
            return Ok(());
        }
        // Of a field that is there twice the last one holds; lists are put together, as protobuf does with messages.
        match (message.get_mut(attribute), value) {
            (Some(Value::List(have)), Value::List(more)) => have.attach(more),
            (Some(have), value) => *have = value,
            (None, _) => {}
        }
        Ok(())
    }

    fn list(&mut self, mut span: Span, list: &mut KvList, depth: usize) -> Read<()> {
        if depth > self.limits.depth_max {
            let (name, max) = ("depth_max", self.limits.depth_max);
            return fail(Fault::Limit { name, max }, span.0.start);
        }
        while let Some(field) = self.field(&mut span)? {
            if field.number == PAIRS {
                if self.pairs == self.limits.pairs_max {
                    let (name, max) = ("pairs_max", self.limits.pairs_max);
                    return fail(Fault::Limit { name, max }, field.at);
                }
                self.pairs += 1;
                let span = field.expect(WireType::Bytes)?.span.clone();
                list.push_pair(self.pair(span, depth)?);
            }
        }
        Ok(())
    }

    fn pair(&mut self, mut span: Span, depth: usize) -> Read<KvPair> {
        let begin = span.0.start;
        let mut key = None;
        let mut value = None;
        while let Some(field) = self.field(&mut span)? {
            match field.number {
                pair::KEY => key = Some(self.text(&field)?),
                pair::TEXT => value = Some(KvValue::Text(self.text(&field)?)),
                pair::NUMBER => {
                    value = Some(KvValue::Int(field.expect(WireType::Varint)?.int as i32));
                }
                pair::BINARY => value = Some(KvValue::Binary(self.binary(&field)?)),
                pair::LIST => {
                    let span = field.expect(WireType::Bytes)?.span.clone();
                    let mut list = match value.take() {
                        Some(KvValue::List(list)) => list,
                        _ => KvList::new(),
                    };
                    self.list(span, &mut list, depth + 1)?;
                    value = Some(KvValue::List(list));
                }
                pair::UNICODE => value = Some(KvValue::Unicode(self.text(&field)?)),
                _ => {}
            }
        }
        let Some(value) = value else { return fail(Fault::Pair, begin) };
        Ok(KvPair { key: key.unwrap_or_else(|| "".into()), value })
    }

    #[inline]
    fn text(&self, field: &Field) -> Read<Arc<str>> {
        let span = field.expect(WireType::Bytes)?.span.0.clone();
        match std::str::from_utf8(self.bytes.get(span).unwrap_or_default()) {
            Ok(text) => Ok(text.into()),
            Err(_) => fail(Fault::Text { field: field.number }, field.at),
        }
    }

    fn binary(&self, field: &Field) -> Read<Bytes> {
        let span = field.expect(WireType::Bytes)?.span.0.clone();
        Ok(Bytes::copy_from_slice(self.bytes.get(span).unwrap_or_default()))
    }

    /// The next field, or nothing at the end of the span.
    #[inline]
    fn field(&self, span: &mut Span) -> Read<Option<Field>> {
        let at = span.0.start;
        if at == span.0.end {
            return Ok(None);
        }
        let tag = self.varint(span)?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number));
        let (Some(number), Some(wire)) = (number, WireType::of(tag)) else {
            return fail(Fault::Tag(tag), at);
        };
        let mut field = Field { number, wire, at, int: 0, span: Span(0..0) };
        match wire {
            WireType::Varint => field.int = self.varint(span)?,
            WireType::Fixed64 => {
                let taken = self.take(span, 8)?;
                let bytes = self.bytes.get(taken.0).and_then(|bytes| bytes.try_into().ok());
                field.int = u64::from_le_bytes(bytes.unwrap_or_default());
            }
            WireType::Fixed32 => field.span = self.take(span, 4)?,
            WireType::Bytes => {
                let length = self.varint(span)?;
                field.span = self.take(span, length)?;
            }
        }
        Ok(Some(field))
    }

    #[inline]
    fn take(&self, span: &mut Span, length: u64) -> Read<Span> {
        let begin = span.0.start;
        match usize::try_from(length) {
            Ok(length) if length <= span.0.end - begin => {
                span.0.start += length;
                Ok(Span(begin..begin + length))
            }
            _ => fail(Fault::CutOff, begin),
        }
    }

    #[inline]
    fn varint(&self, span: &mut Span) -> Read<u64> {
        let begin = span.0.start;
        if let Some(byte @ 0..0x80) = self.bytes.get(begin).copied()
            && begin < span.0.end
        {
            span.0.start += 1;
            return Ok(u64::from(byte));
        }
        let mut value = 0;
        for (n, byte) in self.bytes.get(span.0.clone()).unwrap_or_default().iter().enumerate() {
            let bits = u64::from(byte & 0x7f);
            if n == 9 && *byte > 1 {
                return fail(Fault::Varint, begin);
            }
            value |= bits << (7 * n);
            if byte & 0x80 == 0 {
                span.0.start += n + 1;
                return Ok(value);
            }
        }
        fail(Fault::CutOff, begin)
    }
}

impl Field {
    #[inline]
    fn expect(&self, wire: WireType) -> Read<&Self> {
        if self.wire == wire {
            return Ok(self);
        }
        fail(Fault::WireType { field: self.number, wire: self.wire as u8 }, self.at)
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
