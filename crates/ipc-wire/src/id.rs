//! The id by which a request and its answer find each other.

use std::fmt;

/// A request's id: the sender's JSON text of a string or an integer, kept verbatim.
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

    /// Takes the JSON text of an id; `None` when it is neither a string nor an integer, or too
    /// long. `json` must be one valid JSON value.
    #[must_use]
    pub fn from_json(json: &[u8]) -> Option<Self> {
        let is_id = match json.first()? {
            b'"' => true,
            b'-' | b'0'..=b'9' => json[1..].iter().all(u8::is_ascii_digit),
            _ => false,
        };
        if !is_id || Self::MAX_BYTES < json.len() {
            return None;
        }
        let mut text = [0; Self::MAX_BYTES];
        text[..json.len()].copy_from_slice(json);
        Some(Self {
            len: u8::try_from(json.len()).ok()?,
            text,
        })
    }

    /// The JSON text of the id.
    #[must_use]
    pub fn as_json(&self) -> &[u8] {
        &self.text[..usize::from(self.len)]
    }

    /// The id as a number, where it is one that fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        let digits = self.as_json();
        if !digits[0].is_ascii_digit() || 20 < digits.len() {
            return None;
        }
        digits.iter().try_fold(0_u64, |number, digit| {
            number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        })
    }
}

impl From<u64> for RequestId {
    fn from(number: u64) -> Self {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(number).as_bytes();
        let mut text = [0; Self::MAX_BYTES];
        text[..digits.len()].copy_from_slice(digits);
        // A u64 has twenty digits at the most.
        #[expect(clippy::cast_possible_truncation, reason = "at most twenty")]
        let len = digits.len() as u8;
        Self { len, text }
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
