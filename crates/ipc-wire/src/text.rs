//! The content of JSON's strings (RFC 8259, section 7) in UTF-8 (RFC 3629): where it ends, and
//! what is wrong with it.
//!
//! The way goes from stop to stop of a [`Window`]: to what may end the text, be wrong, or be cut.

use crate::{block::Blocks, window::Window};

/// Where the scan of a text stopped, and why.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TextEnd {
    /// After the closing quote; else where to go on, or what is wrong.
    pub(crate) position: usize,
    pub(crate) stop: Stop,
}

/// Why the scan of a text stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stop {
    /// The closing quote was found.
    Closed,
    /// The bytes ended.
    Paused,
    /// What follows a backslash is not an escape.
    BadEscape,
    /// A character is not in UTF-8.
    BadCharacter,
    /// A control character stands there.
    Control,
}

/// Goes on through a text from `position` up to its closing quote, with the window that is there;
/// returns the last one.
#[inline(always)]
pub(crate) fn text(
    blocks: impl Blocks,
    message: &[u8],
    position: usize,
    window: Window,
) -> (TextEnd, Window) {
    blocks.run(
        #[inline(always)]
        || text_by_windows(blocks, message, position, window),
    )
}

#[inline(always)]
fn text_by_windows(
    blocks: impl Blocks,
    message: &[u8],
    mut position: usize,
    mut window: Window,
) -> (TextEnd, Window) {
    let mut knows_characters = false;
    let stop = loop {
        let Some(stops) = window.stops_from(position) else {
            position = position.max(window.end());
            window = Window::new(blocks, message, position);
            knows_characters = false;
            continue;
        };
        position += stops.trailing_zeros() as usize;
        let Some(&byte) = message.get(position) else {
            break Stop::Paused;
        };
        let (piece, problem) = match byte {
            b'"' => {
                position += 1;
                break Stop::Closed;
            }
            b'\\' => (escape_len(&message[position..]), Stop::BadEscape),
            0x80.. if knows_characters => (character_len(&message[position..]), Stop::BadCharacter),
            0x80.. => {
                window = window.with_characters(blocks, message);
                knows_characters = true;
                continue;
            }
            _ => break Stop::Control,
        };
        match piece {
            Piece::Whole(len) => position += len,
            Piece::Cut => break Stop::Paused,
            Piece::Wrong => break problem,
        }
    };
    (TextEnd { position, stop }, window)
}

/// What the first bytes of an escape or a character say.
pub(crate) enum Piece {
    /// It is whole and so long.
    Whole(usize),
    /// It is right so far, but more bytes are needed.
    Cut,
    /// It is wrong, whatever comes.
    Wrong,
}

impl Piece {
    /// Its length, if it is whole.
    pub(crate) fn whole(self) -> Option<usize> {
        match self {
            Self::Whole(len) => Some(len),
            Self::Cut | Self::Wrong => None,
        }
    }
}

#[inline(always)]
pub(crate) fn escape_len(bytes: &[u8]) -> Piece {
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
pub(crate) fn character_len(bytes: &[u8]) -> Piece {
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
    use proptest::prelude::*;

    use super::*;
    use crate::block::{Instructions, with_blocks};

    /// Goes through a text with all instructions there are, and a window from the beginning on.
    fn text_end(message: &[u8], position: usize) -> TextEnd {
        #[inline(always)]
        fn with(blocks: impl Blocks, message: &[u8], position: usize) -> TextEnd {
            let window = Window::new(blocks, message, 0);
            text(blocks, message, position, window).0
        }
        let ends: Vec<_> = Instructions::available()
            .map(|instructions| {
                with_blocks!(instructions, blocks => with(blocks, message, position))
            })
            .collect();
        assert!(
            ends.iter().all(|end| *end == ends[0]),
            "all instructions agree: {ends:?}"
        );
        ends[0]
    }

    /// The same, as simply as it can be said.
    fn simple_text_end(message: &[u8], mut position: usize) -> TextEnd {
        let stop = loop {
            let rest = &message[position..];
            let len = match rest {
                [] => break Stop::Paused,
                [b'"', ..] => break Stop::Closed,
                [0..0x20, ..] => break Stop::Control,
                [b'\\'] => break Stop::Paused,
                [b'\\', b'u', hex @ ..] => {
                    let hex = &hex[..hex.len().min(4)];
                    if !hex.iter().all(u8::is_ascii_hexdigit) {
                        break Stop::BadEscape;
                    }
                    if hex.len() < 4 {
                        break Stop::Paused;
                    }
                    6
                }
                [b'\\', escaped, ..] if b"\"\\/bfnrt".contains(escaped) => 2,
                [b'\\', ..] => break Stop::BadEscape,
                _ => {
                    let is_character = |len| {
                        let bytes = rest.get(..len);
                        bytes.is_some_and(|bytes| std::str::from_utf8(bytes).is_ok())
                    };
                    match (1..=4).find(|&len| is_character(len)) {
                        Some(len) => len,
                        None => match std::str::from_utf8(rest) {
                            Err(error) if error.error_len().is_none() => break Stop::Paused,
                            _ => break Stop::BadCharacter,
                        },
                    }
                }
            };
            position += len;
        };
        let position = position + usize::from(stop == Stop::Closed);
        TextEnd { position, stop }
    }

    /// Pieces of texts, whole ones and broken ones.
    fn any_piece() -> impl Strategy<Value = Vec<u8>> {
        let broken = ["\\x", "\\u00g0", "\\", "\\u12", "\n", "\u{1f}", "\""];
        let wrong: [&[u8]; 9] = [
            b"\xc0\xaf",
            b"\xe0\x9f\xbf",
            b"\xed\xa0\x80",
            b"\xf0\x8f\xbf\xbf",
            b"\xf4\x90\x80\x80",
            b"\xc3",
            b"\xe2\x82",
            b"\x80",
            b"\xff",
        ];
        prop_oneof![
            8 => "[ -!#-\\[\\]-~]{0,40}".prop_map(String::into_bytes),
            4 => "[а-яё ]{0,30}".prop_map(String::into_bytes),
            4 => any::<char>().prop_map(|character| character.to_string().into_bytes()),
            4 => "\\\\([bfnrt/\"\\\\]|u[0-9a-fA-F]{4})".prop_map(String::into_bytes),
            1 => prop::sample::select(broken.map(|piece| piece.as_bytes().to_vec()).to_vec()),
            1 => prop::sample::select(wrong.map(<[u8]>::to_vec).to_vec()),
        ]
    }

    proptest! {
        #[test]
        fn a_text_ends_where_a_simple_look_says(
            before in "[a-zß]{0,30}",
            pieces in prop::collection::vec(any_piece(), 0..12),
            is_closed: bool,
        ) {
            let mut message = [before.as_bytes(), &pieces.concat()].concat();
            if is_closed {
                message.push(b'"');
            }
            let expected = simple_text_end(&message, before.len());
            prop_assert_eq!(text_end(&message, before.len()), expected);
        }
    }

    #[test]
    fn a_byte_is_plain_or_not_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for at in [0, 1, 7, 8, 15, 16, 62, 63, 64, 65, 127, 128, 200] {
                let mut message = [b'~'; 208];
                message[at] = byte;
                assert_eq!(
                    text_end(&message, 0),
                    simple_text_end(&message, 0),
                    "{byte:#x}"
                );
                message[at..].fill(byte);
                assert_eq!(
                    text_end(&message, 0),
                    simple_text_end(&message, 0),
                    "{byte:#x}"
                );
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
                let message = ["plain".as_bytes(), &bytes, b"\""].concat();
                assert_eq!(text_end(&message, 0), simple_text_end(&message, 0));
            }
        }
    }
}
