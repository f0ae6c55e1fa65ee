//! What the messages carry: JSON of an exact size, in two shapes.

use std::fmt::{self, Write};

/// The shape of a payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    /// One long string.
    Text,
    /// Objects, arrays, numbers, escapes and short strings, as programs send them.
    Mixed,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Mixed => "mixed",
        })
    }
}

/// A JSON value of exactly `n_bytes`, at least 2.
pub(crate) fn payload(shape: Shape, n_bytes: usize) -> Vec<u8> {
    match shape {
        Shape::Text => text(n_bytes),
        Shape::Mixed => mixed(n_bytes),
    }
}

/// A size as people write it.
pub(crate) fn size(n_bytes: usize) -> String {
    const KIB: usize = 1024;
    match n_bytes {
        n if n >= KIB * KIB && n % (KIB * KIB) == 0 => format!("{} MiB", n / KIB / KIB),
        n if n >= KIB && n % KIB == 0 => format!("{} KiB", n / KIB),
        n => format!("{n} B"),
    }
}

fn text(n_bytes: usize) -> Vec<u8> {
    let letters = (b'a'..=b'z').cycle().take(n_bytes.saturating_sub(2));
    let mut text = vec![b'"'];
    text.extend(letters);
    text.push(b'"');
    text
}

/// An array of records, the last element a string that makes up the size.
fn mixed(n_bytes: usize) -> Vec<u8> {
    let mut text = "[".to_owned();
    for i in 0_u32.. {
        let before = text.len();
        let (celsius, seen) = (f64::from(i % 400) / 10.0 - 5.0, i % 3 != 0);
        let done = write!(
            text,
            "{{\"id\":{i},\"name\":\"sensor-{i}\",\"celsius\":{celsius},\"seen\":{seen},\
             \"tags\":[\"ro\\\"om\",\"k\\u00fcche\",null],\"at\":{{\"x\":{},\"y\":-{i}}}}},",
            i * 7
        );
        // Two quotes and the bracket have to fit behind it.
        if done.is_err() || n_bytes < text.len() + 3 {
            text.truncate(before);
            break;
        }
    }
    let mut bytes = text.into_bytes();
    let rest = n_bytes.saturating_sub(bytes.len() + 1);
    bytes.extend(self::text(rest.max(2)));
    bytes.push(b']');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_json_of_the_size_that_was_asked_for() {
        for shape in [Shape::Text, Shape::Mixed] {
            for n_bytes in [64, 1024, 65536, 1 << 20] {
                let payload = payload(shape, n_bytes);

                assert_eq!(payload.len(), n_bytes, "{shape} {n_bytes}");
                serde_json::from_slice::<serde_json::Value>(&payload).unwrap();
            }
        }
    }

    #[test]
    fn sizes_are_written_as_people_do() {
        assert_eq!(size(64), "64 B");
        assert_eq!(size(65536), "64 KiB");
        assert_eq!(size(1 << 20), "1 MiB");
    }
}
