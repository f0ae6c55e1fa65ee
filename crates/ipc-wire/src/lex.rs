//! Words of JSON in bytes: texts, numbers and literals (RFC 8259) in UTF-8 (RFC 3629).
//!
//! Pure functions over what has arrived, which tell what is whole, what is wrong, and what cannot
//! be told yet. The scanner puts them together.

use crate::fault::Fault;

/// Where a piece of text ended.
pub(crate) enum TextEnd {
    /// After the closing quote.
    Closed(usize),
    /// The bytes ended; go on here.
    Paused(usize),
}

/// A member of an object, `"key":value`, whose value is a plain text or a whole number.
pub(crate) struct PlainMember {
    /// Where the key's closing quote stands.
    pub(crate) key_end: usize,
    /// Where the value ends.
    pub(crate) end: usize,
}

impl PlainMember {
    #[inline]
    pub(crate) fn read(message: &[u8], start: usize) -> Option<Self> {
        let key_end = plain_text_end(message, start)?;
        if *message.get(key_end + 1)? != b':' {
            return None;
        }
        let value = key_end + 2;
        let end = match *message.get(value)? {
            b'"' => plain_text_end(message, value)? + 1,
            b'1'..=b'9' => {
                let digits = &message[value..];
                value + digits.iter().position(|byte| !byte.is_ascii_digit())?
            }
            _ => return None,
        };
        Some(Self { key_end, end })
    }
}

/// Where a value that is no container ends, if it is whole and right as far as this tells.
#[inline]
pub(crate) fn scalar_end(message: &[u8], start: usize) -> Result<Option<usize>, Fault> {
    let rest = &message[start..];
    let word: &[u8] = match rest[0] {
        b'"' => {
            return Ok(match text(message, start + 1, &mut false)? {
                TextEnd::Closed(end) => Some(end),
                TextEnd::Paused(_) => None,
            });
        }
        b't' => b"true",
        b'f' => b"false",
        b'n' => b"null",
        _ => return Ok(whole_number_end(message, start)),
    };
    Ok(rest.starts_with(word).then_some(start + word.len()))
}

/// Where a number ends, if it is right and something follows it.
#[inline]
fn whole_number_end(message: &[u8], start: usize) -> Option<usize> {
    let digits_end = |start: usize| {
        let digits = message.get(start..)?;
        let n_digits = digits.iter().position(|byte| !byte.is_ascii_digit())?;
        (0 < n_digits).then_some(start + n_digits)
    };
    let integer = start + usize::from(message[start] == b'-');
    let mut end = digits_end(integer)?;
    if message[integer] == b'0' && end != integer + 1 {
        return None;
    }
    if message[end] == b'.' {
        end = digits_end(end + 1)?;
    }
    if matches!(message[end], b'e' | b'E') {
        let sign = usize::from(matches!(message.get(end + 1)?, b'+' | b'-'));
        end = digits_end(end + 1 + sign)?;
    }
    Some(end)
}

/// Where the closing quote of a text without escapes stands that begins with a quote at `start`.
#[inline]
pub(crate) fn plain_text_end(message: &[u8], start: usize) -> Option<usize> {
    if *message.get(start)? != b'"' {
        return None;
    }
    let mut position = start + 1;
    position += plain_prefix(&message[position..]);
    loop {
        match *message.get(position)? {
            b'"' => return Some(position),
            b'\\' | 0..0x20 | 0x80.. => return None,
            _ => position += 1,
        }
    }
}

/// Reads on through a string from `position`, up to and including its closing quote.
#[inline]
pub(crate) fn text(
    message: &[u8],
    mut position: usize,
    has_escape: &mut bool,
) -> Result<TextEnd, Fault> {
    let fault = |offset, problem| Err(Fault::Syntax { offset, problem });
    loop {
        position += plain_prefix(&message[position..]);
        let Some(&byte) = message.get(position) else {
            return Ok(TextEnd::Paused(position));
        };
        match byte {
            b'"' => return Ok(TextEnd::Closed(position + 1)),
            b'\\' => {
                *has_escape = true;
                match escape_len(&message[position..]) {
                    Piece::Whole(len) => position += len,
                    Piece::Cut => return Ok(TextEnd::Paused(position)),
                    Piece::Wrong => return fault(position, "an escape is not one of JSON's"),
                }
            }
            0x80.. => match character_len(&message[position..]) {
                Piece::Whole(len) => position += len,
                Piece::Cut => return Ok(TextEnd::Paused(position)),
                Piece::Wrong => return fault(position, "the text is not UTF-8"),
            },
            0..0x20 => return fault(position, "a string has a bare control character"),
            _ => position += 1,
        }
    }
}

/// How many bytes at the front are plain, as far as whole blocks of eight tell: printable ASCII
/// that is neither a quote nor a backslash. Fewer than eight bytes at the end are left to the
/// caller.
#[inline]
fn plain_prefix(bytes: &[u8]) -> usize {
    // Most texts end within the first words; only long ones are worth the wide blocks.
    let Some((first, rest)) = bytes.split_first_chunk::<WIDE_BYTES>() else {
        return plain_words(bytes);
    };
    let plain = plain_words(first);
    if plain < WIDE_BYTES {
        return plain;
    }
    let (wide, _) = rest.as_chunks::<WIDE_BYTES>();
    let n_wide = wide.iter().take_while(|block| is_plain(block)).count();
    let plain = (1 + n_wide) * WIDE_BYTES;
    plain + plain_words(&bytes[plain..])
}

/// The size of a block that is looked at as a whole.
const WIDE_BYTES: usize = 64;

/// Whether a whole block is plain: a loop without a branch, of which the compiler makes vector
/// instructions.
#[inline]
fn is_plain(block: &[u8; WIDE_BYTES]) -> bool {
    let special = |byte: u8| {
        u8::from(byte < 0x20) | u8::from(byte == b'"') | u8::from(byte == b'\\') | byte >> 7
    };
    block.iter().fold(0, |found, &byte| found | special(byte)) == 0
}

/// How many bytes at the front are plain, eight at a time.
#[inline]
fn plain_words(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let mut plain = 0;
    for block in bytes.as_chunks::<8>().0 {
        let word = u64::from_le_bytes(*block);
        let control = word.wrapping_sub(ONES * 0x20);
        let quote = (word ^ (ONES * u64::from(b'"'))).wrapping_sub(ONES);
        let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
        // A borrow only reaches bytes above the first special one, so the lowest mark is exact.
        let special = ((control | quote | backslash) & !word | word) & HIGHS;
        if special != 0 {
            return plain + special.trailing_zeros() as usize / 8;
        }
        plain += 8;
    }
    plain
}

/// What the first bytes of an escape or a character say.
enum Piece {
    /// It is whole and so long.
    Whole(usize),
    /// It is right so far, but more bytes are needed.
    Cut,
    /// It is wrong, whatever comes.
    Wrong,
}

fn escape_len(bytes: &[u8]) -> Piece {
    match bytes.get(1) {
        None => Piece::Cut,
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Piece::Whole(2),
        Some(b'u') => {
            let hex = &bytes[2..bytes.len().min(6)];
            if !hex.iter().all(u8::is_ascii_hexdigit) {
                Piece::Wrong
            } else if hex.len() < 4 {
                Piece::Cut
            } else {
                Piece::Whole(6)
            }
        }
        Some(_) => Piece::Wrong,
    }
}

/// The length of a character of several bytes, by the table of RFC 3629, section 4.
fn character_len(bytes: &[u8]) -> Piece {
    let (len, second) = match bytes[0] {
        0xC2..=0xDF => (2, 0x80..=0xBF),
        0xE0 => (3, 0xA0..=0xBF),
        0xE1..=0xEC | 0xEE..=0xEF => (3, 0x80..=0xBF),
        0xED => (3, 0x80..=0x9F),
        0xF0 => (4, 0x90..=0xBF),
        0xF1..=0xF3 => (4, 0x80..=0xBF),
        0xF4 => (4, 0x80..=0x8F),
        _ => return Piece::Wrong,
    };
    let available = &bytes[1..bytes.len().min(len)];
    let valid = available.iter().enumerate().all(|(n, byte)| {
        if n == 0 {
            second.contains(byte)
        } else {
            (0x80..=0xBF).contains(byte)
        }
    });
    match (valid, available.len() + 1 == len) {
        (false, _) => Piece::Wrong,
        (true, true) => Piece::Whole(len),
        (true, false) => Piece::Cut,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_prefix_ends_at_the_first_special_byte() {
        for special in [b'"', b'\\', 0, 0x1f, 0x80, 0xff] {
            for at in 0..208 {
                let mut bytes = [b'~'; 208];
                bytes[at] = special;
                assert_eq!(plain_prefix(&bytes), at, "{special:#x}");
                bytes[at..].fill(special);
                assert_eq!(plain_prefix(&bytes), at, "{special:#x}");
            }
        }
        for plain in 0x20..0x80 {
            if plain != b'"' && plain != b'\\' {
                assert_eq!(plain_prefix(&[plain; 144]), 144, "{plain:#x}");
            }
        }
    }

    #[test]
    fn characters_are_those_of_the_standard_library() {
        for first in 0x80..=0xff_u8 {
            for second in 0..=0xff_u8 {
                let bytes = [first, second, 0x80, 0x80];
                let valid = (2..=4).any(|len| std::str::from_utf8(&bytes[..len]).is_ok());
                let whole = matches!(character_len(&bytes), Piece::Whole(_));
                assert_eq!(whole, valid, "{first:#x} {second:#x}");
            }
        }
    }
}
