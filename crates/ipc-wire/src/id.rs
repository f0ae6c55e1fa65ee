//! The id by which a request and its answer find each other.

use std::fmt;

/// A request's id as it stands in a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Id<'a> {
    /// A number that whoever writes the message chose.
    Number(u64),
    /// The JSON text of the one who chose it: a string or an integer.
    Json(&'a [u8]),
}

impl<'a> Id<'a> {
    /// Takes the JSON text of an id; `None` when it is neither a string nor an integer, or longer
    /// than [`RequestId::MAX_BYTES`]. `json` must be one valid JSON value.
    #[must_use]
    #[inline]
    pub fn from_json(json: &'a [u8]) -> Option<Self> {
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
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Json(json) => parse_u64(json),
        }
    }
}

/// The number that a JSON integer is, if it fits.
pub(crate) fn parse_u64(json: &[u8]) -> Option<u64> {
    // Nineteen digits always fit, the twentieth may not.
    let (digits, last) = match json.len() {
        1..=19 => (json, None),
        20 => (&json[..19], Some(json[19])),
        _ => return None,
    };
    let mut number = 0_u64;
    let mut is_number = true;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        is_number &= digit <= 9;
        number = number * 10 + u64::from(digit & 0x0f);
    }
    if let Some(digit) = last {
        let digit = digit.wrapping_sub(b'0');
        is_number &= digit <= 9;
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    is_number.then_some(number)
}

/// A request's id, kept: the sender's JSON text of a string or an integer, kept verbatim.
///
/// Two ids are the same when their texts are: `"a"` and `"\u0061"` are two. The text is stored in
/// place, so that taking one from a message allocates nothing.
#[derive(Clone, Copy, Eq)]
pub struct RequestId {
    len: u8,
    text: [u8; Self::MAX_BYTES],
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
    pub fn as_id(&self) -> Id<'_> {
        Id::Json(self.as_json())
    }

    fn from_text(json: &[u8]) -> Self {
        let mut text = [0; Self::MAX_BYTES];
        let len = json.len().min(Self::MAX_BYTES);
        text[..len].copy_from_slice(&json[..len]);
        #[expect(clippy::cast_possible_truncation, reason = "at most 64")]
        let len = len as u8;
        Self { len, text }
    }

    /// The JSON text of the id.
    #[must_use]
    pub fn as_json(&self) -> &[u8] {
        &self.text[..usize::from(self.len)]
    }

    /// The id as a number, where it is one that fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        parse_u64(self.as_json())
    }
}

impl From<Id<'_>> for RequestId {
    fn from(id: Id<'_>) -> Self {
        match id {
            Id::Number(number) => Self::from(number),
            Id::Json(json) => Self::from_text(json),
        }
    }
}

impl From<u64> for RequestId {
    fn from(number: u64) -> Self {
        Self::from_text(itoa::Buffer::new().format(number).as_bytes())
    }
}

impl PartialEq for RequestId {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl std::hash::Hash for RequestId {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write(self.as_json());
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({})", String::from_utf8_lossy(self.as_json()))
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
            "18446744073709551616",
            "\"a\"",
            "\"\"",
            &"9".repeat(64),
        ] {
            let id = RequestId::from_json(json.as_bytes()).unwrap();
            assert_eq!(id.as_json(), json.as_bytes());
        }
        for json in ["1.0", "1e3", "null", "true", "{}", "[]", &"9".repeat(65)] {
            assert_eq!(RequestId::from_json(json.as_bytes()), None, "{json}");
        }
    }

    #[test]
    fn numbers_survive_the_way_to_json_and_back() {
        for number in [0, 9, 10, u64::MAX] {
            assert_eq!(RequestId::from(number).as_u64(), Some(number));
        }
        for json in [
            "-1",
            "\"1\"",
            "18446744073709551616",
            "99999999999999999999999",
        ] {
            assert_eq!(
                RequestId::from_json(json.as_bytes()).unwrap().as_u64(),
                None,
                "{json}"
            );
        }
    }
}
