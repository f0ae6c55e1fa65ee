//! The id by which a request and its answer find each other.

use std::fmt;

use crate::number::{parse_u64, parse_whole};

/// What an error says that an id has to be.
pub const ID_TYPE: &str = "a string or a number of at most 64 bytes";

/// A request's id as it stands in a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Id<'a> {
    /// A whole number from 0 to 2^64 - 1 that is written as its digits, so nothing of its text is
    /// lost.
    Number(u64),
    /// The JSON text of any other id: a string, or a number in another form.
    Json(&'a [u8]),
}

impl<'a> Id<'a> {
    /// Takes the JSON text of an id; `None` when it is neither a string nor a number, or longer
    /// than [`RequestId::MAX_BYTES`]. `json` must be one valid JSON value.
    #[must_use]
    #[inline]
    pub fn from_json(json: &'a [u8]) -> Option<Self> {
        parse_u64(json)
            .map(Self::Number)
            .or_else(|| Self::other(json))
    }

    /// An id that is not written as digits alone.
    fn other(json: &'a [u8]) -> Option<Self> {
        let is_id = matches!(json.first()?, b'"' | b'-' | b'0'..=b'9');
        (is_id && json.len() <= RequestId::MAX_BYTES).then_some(Self::Json(json))
    }

    /// The id as a whole number from 0 to 2^64 - 1, if it is one, however it is written: languages
    /// with one type of numbers give 12 back as `12.0` or `1.2e1`.
    #[must_use]
    #[inline]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Json([b'"', ..]) => None,
            Self::Json(json) => parse_whole(json),
        }
    }

    /// Whether two ids are the same: the same whole number, or the same text.
    #[must_use]
    #[inline]
    pub fn is_same(self, other: Id<'_>) -> bool {
        match (self, other) {
            (Self::Number(one), Id::Number(other)) => one == other,
            _ => self.is_same_in_another_form(other),
        }
    }

    #[cold]
    fn is_same_in_another_form(self, other: Id<'_>) -> bool {
        match (self.as_u64(), other.as_u64()) {
            (None, None) => self == other,
            (one, other) => one == other,
        }
    }
}

/// A request's id, kept.
///
/// Equal when the JSON texts are; [`Id::is_same`] tells whether two ids are the same to the
/// server. A text is stored in place, so that taking one from a message allocates nothing.
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
    fn strings_and_numbers_of_at_most_64_bytes_are_ids_and_keep_their_text() {
        for json in [
            "0",
            "-7",
            "-0",
            "-0.0",
            "1.0",
            "1.50",
            "1E+3",
            "18446744073709551616",
            "\"a\"",
            "\"\"",
            &"9".repeat(64),
        ] {
            let id = RequestId::from_json(json.as_bytes()).unwrap();
            assert_eq!(format!("{id:?}"), format!("RequestId({json})"));
        }
        for json in ["null", "true", "{}", "[]", &"9".repeat(65)] {
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
    fn ids_are_the_same_when_they_are_the_same_whole_number_or_the_same_text() {
        let same = |one: &str, other: &str| {
            let id = Id::from_json(one.as_bytes()).unwrap();
            id.is_same(Id::from_json(other.as_bytes()).unwrap())
        };
        for (one, other) in [
            ("7", "7.0"),
            ("7", "0.7e1"),
            ("7.0", "700E-2"),
            ("0", "-0.0"),
            ("18446744073709551615", "18446744073709551615.0"),
            ("1.5", "1.5"),
            ("\"a\"", "\"a\""),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("7", "\"7\""),
            ("7", "-7"),
            ("7", "7.5"),
            ("9007199254740992", "9007199254740993.0"),
            ("\"a\"", "\"\\u0061\""),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }
}
