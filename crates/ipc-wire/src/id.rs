//! The id by which a request and its answer find each other.

use std::fmt;

/// A request's id as it stands in a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Id<'a> {
    /// An integer from 0 to 2^64 - 1. JSON has one text for it, so nothing of the text is lost.
    Number(u64),
    /// The JSON text of any other id: a string, or an integer that is no such number.
    Json(&'a [u8]),
}

impl<'a> Id<'a> {
    /// Takes the JSON text of an id; `None` when it is neither a string nor an integer, or longer
    /// than [`RequestId::MAX_BYTES`]. `json` must be one valid JSON value.
    #[must_use]
    #[inline]
    pub fn from_json(json: &'a [u8]) -> Option<Self> {
        parse_u64(json)
            .map(Self::Number)
            .or_else(|| Self::other(json))
    }

    /// An id that is no number.
    fn other(json: &'a [u8]) -> Option<Self> {
        let is_id = match json.first()? {
            b'"' => true,
            b'-' | b'0'..=b'9' => json[1..].iter().all(u8::is_ascii_digit),
            _ => false,
        };
        (is_id && json.len() <= RequestId::MAX_BYTES).then_some(Self::Json(json))
    }

    /// The id as a number, where it is one that fits.
    #[must_use]
    #[inline]
    pub const fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Json(_) => None,
        }
    }
}

/// The number that a JSON integer is, if it fits.
pub(crate) fn parse_u64(json: &[u8]) -> Option<u64> {
    // Nineteen digits always fit, the twentieth may not.
    match json {
        [] => None,
        [digits @ .., last] if digits.len() == 19 => {
            let number = parse_digits(digits)?;
            number.checked_mul(10)?.checked_add(parse_digit(*last)?)
        }
        digits if digits.len() <= 19 => parse_digits(digits),
        _ => None,
    }
}

/// The number that at most nineteen digits are.
#[inline]
fn parse_digits(mut digits: &[u8]) -> Option<u64> {
    let mut number = 0;
    while let Some((eight, rest)) = digits.split_first_chunk() {
        number = number * 100_000_000 + parse_eight_digits(*eight)?;
        digits = rest;
    }
    digits.iter().try_fold(number, |number, &digit| {
        Some(number * 10 + parse_digit(digit)?)
    })
}

/// The number that eight digits are, all looked at together: in three steps, digits become numbers
/// of two digits, these of four, and these of eight.
#[inline]
fn parse_eight_digits(digits: [u8; 8]) -> Option<u64> {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    const BEYOND_NINE: u64 = u64::from_le_bytes([0x80 - 10; 8]);
    const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);
    let digits = u64::from_le_bytes(digits) ^ ZEROS;
    // A byte of at most nine stays below 0x80 and carries nothing into the next.
    if (digits | digits.wrapping_add(BEYOND_NINE)) & HIGH_BITS != 0 {
        return None;
    }
    let step = |parts: u64, factor: u64, bits: u32, mask: u64| {
        (parts.wrapping_mul(factor << bits | 1) >> bits) & mask
    };
    let pairs = step(digits, 10, 8, 0x00ff_00ff_00ff_00ff);
    let fours = step(pairs, 100, 16, 0x0000_ffff_0000_ffff);
    Some(step(fours, 10_000, 32, 0x0000_0000_ffff_ffff))
}

#[inline]
fn parse_digit(digit: u8) -> Option<u64> {
    let value = digit.wrapping_sub(b'0');
    (value <= 9).then_some(u64::from(value))
}

/// A request's id, kept.
///
/// Two ids are the same when their JSON texts are: `"a"` and `"\u0061"` are two. A text is stored
/// in place, so that taking one from a message allocates nothing.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct RequestId(Kept);

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kept {
    Number(u64),
    /// What is behind the text is zero.
    Text {
        len: u8,
        text: [u8; RequestId::MAX_BYTES],
    },
}

impl RequestId {
    /// The longest JSON text of an id, in bytes: enough for a quoted UUID with a prefix, and
    /// small enough to be kept beside every call in flight.
    pub const MAX_BYTES: usize = 64;

    /// Takes the JSON text of an id, as [`Id::from_json`].
    #[must_use]
    pub fn from_json(json: &[u8]) -> Option<Self> {
        Id::from_json(json).map(Self::from)
    }

    /// The id for a message.
    #[must_use]
    #[inline]
    pub fn as_id(&self) -> Id<'_> {
        match &self.0 {
            Kept::Number(number) => Id::Number(*number),
            Kept::Text { len, text } => Id::Json(&text[..usize::from(*len)]),
        }
    }
}

impl Kept {
    fn text(json: &[u8]) -> Self {
        let mut text = [0; RequestId::MAX_BYTES];
        let len = json.len().min(RequestId::MAX_BYTES);
        text[..len].copy_from_slice(&json[..len]);
        #[expect(clippy::cast_possible_truncation, reason = "at most 64")]
        let len = len as u8;
        Self::Text { len, text }
    }
}

impl From<Id<'_>> for RequestId {
    #[inline]
    fn from(id: Id<'_>) -> Self {
        Self(match id {
            Id::Number(number) => Kept::Number(number),
            Id::Json(json) => Kept::text(json),
        })
    }
}

impl std::hash::Hash for RequestId {
    #[inline]
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        match self.as_id() {
            Id::Number(number) => state.write_u64(number),
            Id::Json(json) => state.write(json),
        }
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_id() {
            Id::Number(number) => write!(f, "RequestId({number})"),
            Id::Json(json) => write!(f, "RequestId({})", String::from_utf8_lossy(json)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_integers_of_at_most_64_bytes_are_ids() {
        for json in [
            "0",
            "-7",
            "-0",
            "18446744073709551616",
            "\"a\"",
            "\"\"",
            &"9".repeat(64),
        ] {
            let id = RequestId::from_json(json.as_bytes()).unwrap();
            assert_eq!(format!("{id:?}"), format!("RequestId({json})"));
        }
        for json in ["1.0", "1e3", "null", "true", "{}", "[]", &"9".repeat(65)] {
            assert_eq!(RequestId::from_json(json.as_bytes()), None, "{json}");
        }
    }

    #[test]
    fn an_integer_from_0_to_the_largest_of_64_bits_is_a_number() {
        let powers = (0..20).map(|n| 10_u64.pow(n));
        let numbers = powers.flat_map(|power| [power - 1, power, power + 1, power / 7 * 5]);
        for number in numbers.chain([u64::MAX - 1, u64::MAX]) {
            let json = number.to_string();
            assert_eq!(Id::from_json(json.as_bytes()), Some(Id::Number(number)));
        }
        for json in [
            "-1",
            "\"1\"",
            "18446744073709551616",
            "99999999999999999999",
            "99999999999999999999999",
        ] {
            let id = Id::from_json(json.as_bytes());
            assert_eq!(id, Some(Id::Json(json.as_bytes())), "{json}");
        }
    }

    #[test]
    fn a_byte_that_is_no_digit_is_found_anywhere_in_a_number() {
        for len in 1..=20 {
            for place in 0..len {
                for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
                    let mut digits = vec![b'1'; len];
                    digits[place] = byte;
                    assert_eq!(parse_u64(&digits), None, "{digits:?}");
                }
            }
        }
    }
}
