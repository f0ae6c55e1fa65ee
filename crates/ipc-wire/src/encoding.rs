//! Texts that are JSON to people and not to a parser: those that editors and other languages save in
//! another encoding than UTF-8, or with a byte order mark.

/// How a text is encoded that is not plain UTF-8; as an error, what to do about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WrongEncoding {
    /// UTF-8 behind a byte order mark.
    #[error("the text begins with a byte order mark (EF BB BF); send it as UTF-8 without one")]
    ByteOrderMark,
    /// UTF-16, of either byte order.
    #[error("the text is UTF-16; send it as UTF-8 without a byte order mark")]
    Utf16,
    /// UTF-32, of either byte order.
    #[error("the text is UTF-32; send it as UTF-8 without a byte order mark")]
    Utf32,
}

impl WrongEncoding {
    /// Looks at the beginning of a JSON text, white space included; `None` when it may be plain
    /// UTF-8.
    ///
    /// Four bytes are enough. The beginning of a byte order mark counts as one where the text ends
    /// within it. Without a mark, UTF-16 and UTF-32 are known by the zeros beside the first
    /// character, which is ASCII in every JSON text.
    #[must_use]
    pub const fn detect(text: &[u8]) -> Option<Self> {
        match text {
            [0xEF] | [0xEF, 0xBB] | [0xEF, 0xBB, 0xBF, ..] => Some(Self::ByteOrderMark),
            [0xFF, 0xFE, 0, 0, ..]
            | [0, 0, 0xFE, 0xFF, ..]
            | [0, 0, 0, 1..0x80, ..]
            | [1..0x80, 0, 0, 0, ..] => Some(Self::Utf32),
            [0xFF] | [0xFF, 0xFE, ..] | [0xFE] | [0xFE, 0xFF, ..] => Some(Self::Utf16),
            [0, 1..0x80, 0, ..] | [1..0x80, 0, ..] => Some(Self::Utf16),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 8] = ["{}", "{\"a\":1}", "[]", "\"a\"", "12", "\n{}", " 1", "null"];

    /// The text in UTF-16 and UTF-32, in both byte orders.
    fn wide(text: &str) -> [(WrongEncoding, Vec<u8>); 4] {
        let units = || text.encode_utf16();
        let characters = || text.chars().map(u32::from);
        [
            (
                WrongEncoding::Utf16,
                units().flat_map(u16::to_le_bytes).collect(),
            ),
            (
                WrongEncoding::Utf16,
                units().flat_map(u16::to_be_bytes).collect(),
            ),
            (
                WrongEncoding::Utf32,
                characters().flat_map(u32::to_le_bytes).collect(),
            ),
            (
                WrongEncoding::Utf32,
                characters().flat_map(u32::to_be_bytes).collect(),
            ),
        ]
    }

    #[test]
    fn every_encoding_is_told_with_a_mark_and_without() {
        for text in TEXTS {
            assert_eq!(WrongEncoding::detect(text.as_bytes()), None, "{text}");
            let marked = format!("\u{feff}{text}");
            let found = WrongEncoding::detect(marked.as_bytes());
            assert_eq!(found, Some(WrongEncoding::ByteOrderMark), "{text}");
            for (encoding, bytes) in wide(text).into_iter().chain(wide(&marked)) {
                assert_eq!(WrongEncoding::detect(&bytes), Some(encoding), "{bytes:?}");
            }
        }
    }

    #[test]
    fn bytes_of_no_encoding_are_not_given_one() {
        for bytes in [
            &b""[..],
            b"\0",
            b"\0{\"",
            b"\xefbb",
            b"\xff\xfb",
            b"\x16\x03\x01\0",
            b"GET /",
        ] {
            assert_eq!(WrongEncoding::detect(bytes), None, "{bytes:?}");
        }
    }
}
