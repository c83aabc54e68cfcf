//! Numbers and bytes as text, appended to a string.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn digit(value: u8) -> char {
    char::from(DIGITS.get(usize::from(value & 15)).copied().unwrap_or(b'0'))
}

/// Decimal digits.
pub(crate) fn put_int(out: &mut String, value: i64) {
    out.push_str(itoa::Buffer::new().format(value));
}

/// Decimal digits of a length.
pub(crate) fn put_len(out: &mut String, value: usize) {
    out.push_str(itoa::Buffer::new().format(value));
}

/// Two hexadecimal digits.
pub(crate) fn put_byte(out: &mut String, byte: u8) {
    out.push(digit(byte >> 4));
    out.push(digit(byte));
}

/// Sixteen hexadecimal digits.
pub(crate) fn put_id(out: &mut String, id: u64) {
    for byte in id.to_be_bytes() {
        put_byte(out, byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_sixteen_digits_and_numbers_as_many_as_they_need() {
        let mut out = String::new();
        put_id(&mut out, 0x006c_0246_2a16_1006);
        put_int(&mut out, i64::MIN);
        put_byte(&mut out, 0xf0);
        put_len(&mut out, 0);
        assert_eq!(out, "006c02462a161006-9223372036854775808f00");
    }
}
