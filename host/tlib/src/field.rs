//! The fields of protobuf, as bytes.

/// How the value of a field is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

impl WireType {
    pub(crate) const fn of(bits: u64) -> Option<Self> {
        match bits & 7 {
            0 => Some(Self::Varint),
            1 => Some(Self::Fixed64),
            2 => Some(Self::Bytes),
            5 => Some(Self::Fixed32),
            _ => None,
        }
    }
}

/// Bytes of a varint: seven bits in each.
pub(crate) const fn varint_len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

const fn tag_len(number: u32) -> usize {
    varint_len((number as u64) << 3)
}

pub(crate) const fn int_len(number: u32, value: i64) -> usize {
    tag_len(number) + varint_len(value.cast_unsigned())
}

pub(crate) const fn fixed_len(number: u32) -> usize {
    tag_len(number) + 8
}

pub(crate) const fn bytes_len(number: u32, length: usize) -> usize {
    tag_len(number) + varint_len(length as u64) + length
}

#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, value: u64) {
    match value {
        0..0x80 => out.push(value as u8),
        0x80..0x4000 => out.extend_from_slice(&[(value as u8) | 0x80, (value >> 7) as u8]),
        _ => put_long(out, value),
    }
}

fn put_long(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_tag(out: &mut Vec<u8>, number: u32, wire: WireType) {
    put_varint(out, u64::from(number) << 3 | wire as u64);
}

/// A negative number is written as the 64 bits of its two's complement.
pub(crate) fn put_int(out: &mut Vec<u8>, number: u32, value: i64) {
    put_tag(out, number, WireType::Varint);
    put_varint(out, value.cast_unsigned());
}

pub(crate) fn put_fixed(out: &mut Vec<u8>, number: u32, value: u64) {
    put_tag(out, number, WireType::Fixed64);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    put_tag(out, number, WireType::Bytes);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}
