//! The resumable scanner: one pass finds where a message ends, where its envelope's values stand,
//! and that the whole is JSON (RFC 8259) in UTF-8 (RFC 3629).
//!
//! [`Scanner::scan`] is called with the message's bytes so far and goes on where it stopped. A
//! text and a number are resumed in their middle; an escape, a literal and a character of several
//! bytes are begun again, and those have six bytes at the most: so the cost stays linear however
//! the stream is cut.

use crate::fault::Fault;

macro_rules! fields {
    ($($variant:ident = $key:literal,)*) => {
        /// A key of the envelope: one that means something at the top level of a message.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[repr(u8)]
        pub(crate) enum Field {
            $($variant,)*
        }

        #[expect(non_upper_case_globals, reason = "named after the variants")]
        impl Field {
            const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The field's place in a mask.
            pub(crate) const fn bit(self) -> u32 {
                1 << self as u32
            }

            pub(crate) const fn key(self) -> &'static str {
                match self {
                    $(Self::$variant => $key,)*
                }
            }

            #[inline]
            fn from_key(key: &[u8]) -> Option<Self> {
                // The compiler makes a tree of comparisons of this, the length first.
                $(const $variant: &[u8] = $key.as_bytes();)*
                match key {
                    $($variant => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

fields! {
    Object = "object",
    Method = "method",
    Param = "param",
    Id = "id",
    Response = "response",
    Error = "error",
    Event = "event",
    Result = "result",
    Code = "code",
    TimeoutMs = "timeout_ms",
    Headers = "headers",
    List = "list",
    EventName = "event_name",
    RegObject = "reg_object",
    Success = "success",
    Mode = "mode",
    Interface = "interface",
    Match = "match",
    Stream = "stream",
    Retain = "retain",
    More = "more",
    Delivered = "delivered",
    Missing = "missing",
    Retained = "retained",
}

const N_FIELDS: usize = Field::ALL.len();

/// The deepest nesting that the scanner can follow: one bit of a `u128` a level.
pub(crate) const MAX_DEPTH: u32 = 128;

/// Which fields a message has, and where their values stand in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    present: u32,
    spans: [(u32, u32); N_FIELDS],
    /// A line break stands between two tokens, so the message is not one line.
    pub(crate) has_line_breaks: bool,
}

impl Envelope {
    const EMPTY: Self = Self {
        present: 0,
        spans: [(0, 0); N_FIELDS],
        has_line_breaks: false,
    };

    #[inline]
    pub(crate) const fn has(&self, field: Field) -> bool {
        self.present & field.bit() != 0
    }

    /// Which of some fields there are, as their bits.
    #[inline]
    pub(crate) const fn among(&self, bits: u32) -> u32 {
        self.present & bits
    }

    /// The JSON text of the field's value in `message`.
    pub(crate) fn value<'a>(&self, field: Field, message: &'a [u8]) -> Option<&'a [u8]> {
        if !self.has(field) {
            return None;
        }
        let (start, end) = self.spans[field as usize];
        Some(&message[start as usize..end as usize])
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// After `{`: a key or `}`.
    FirstKey,
    /// After a `,` in an object: a key.
    NextKey,
    /// Within a key.
    Key,
    /// After a key: `:`.
    Colon,
    /// A value has to come.
    Value,
    /// After `[`: a value or `]`.
    FirstElement,
    /// Within a string that is a value.
    Text,
    /// Within a number.
    Number(Digits),
    /// After a value: `,` or the end of its container.
    AfterValue,
}

/// How far a number has come (RFC 8259, section 6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Digits {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Mark,
    Sign,
    Exponent,
}

/// What [`Scanner::scan`] found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// The message is not whole yet.
    NeedsMore,
    /// The message ends before this offset.
    Complete(usize),
}

/// Where a piece of text ended.
enum TextEnd {
    /// After the closing quote.
    Closed(usize),
    /// The bytes ended; go on here.
    Paused(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Scanner {
    max_depth: u32,
    position: usize,
    state: State,
    depth: u32,
    /// One bit a level, the innermost lowest: set for an object.
    containers: u128,
    /// Where the text of the key that is being read began.
    key_start: usize,
    /// Where the value of the top level that is being read began.
    value_start: usize,
    key_has_escape: bool,
    field: Option<Field>,
    envelope: Envelope,
}

impl Scanner {
    pub(crate) fn new(max_depth: u32) -> Self {
        Self {
            max_depth: max_depth.clamp(1, MAX_DEPTH),
            position: 0,
            state: State::FirstKey,
            depth: 0,
            containers: 0,
            key_start: 0,
            value_start: 0,
            key_has_escape: false,
            field: None,
            envelope: Envelope::EMPTY,
        }
    }

    /// Begins a new message, whose first byte is a `{`.
    pub(crate) fn begin(&mut self) {
        self.position = 1;
        self.state = State::FirstKey;
        self.depth = 1;
        self.containers = 1;
        self.field = None;
        self.envelope.present = 0;
        self.envelope.has_line_breaks = false;
    }

    /// Where the values of the message that was just completed stand.
    pub(crate) const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Goes on through `message`, which holds all of it that has arrived, from its `{` on.
    pub(crate) fn scan(&mut self, message: &[u8]) -> Result<Progress, Fault> {
        loop {
            if self.depth == 1
                && matches!(self.state, State::FirstKey | State::NextKey)
                && self.plain_members(message)?
            {
                return Ok(Progress::Complete(self.position));
            }
            let moved = match self.state {
                State::Key => self.key_text(message)?,
                State::Text => self.value_text(message)?,
                State::Number(digits) => self.number(message, digits)?,
                _ => {
                    let Some(byte) = self.skip_space(message) else {
                        return Ok(Progress::NeedsMore);
                    };
                    if self.state == State::AfterValue {
                        self.after_value(byte)?;
                        if self.depth == 0 {
                            return Ok(Progress::Complete(self.position));
                        }
                        true
                    } else {
                        self.token(message, byte)?
                    }
                }
            };
            if !moved {
                return Ok(Progress::NeedsMore);
            }
        }
    }

    /// Goes through members of the top level that are written without white space or escapes and
    /// are texts or whole numbers, as most are, without going from state to state for each of
    /// their tokens; whether the message ended. It stops before the first member that is anything
    /// else, or is not whole, which is then gone through as any other.
    fn plain_members(&mut self, message: &[u8]) -> Result<bool, Fault> {
        while let Some(member) = PlainMember::read(message, self.position) {
            let Some(&next) = message.get(member.end) else {
                return Ok(false);
            };
            if next != b',' && next != b'}' {
                return Ok(false);
            }
            self.field = Field::from_key(&message[self.position + 1..member.key_end]);
            if let Some(field) = self.field.filter(|&field| self.envelope.has(field)) {
                return Err(Fault::DuplicateKey { key: field.key() });
            }
            self.value_start = member.key_end + 2;
            self.position = member.end;
            self.end_value();
            self.position += 1;
            if next == b'}' {
                self.depth = 0;
                return Ok(true);
            }
            self.state = State::NextKey;
        }
        Ok(false)
    }

    /// The next byte that is not white space, which is not yet consumed.
    fn skip_space(&mut self, message: &[u8]) -> Option<u8> {
        while let Some(&byte) = message.get(self.position) {
            match byte {
                b' ' | b'\t' => {}
                b'\n' | b'\r' => self.envelope.has_line_breaks = true,
                _ => return Some(byte),
            }
            self.position += 1;
        }
        None
    }

    /// Handles the first byte of a token anywhere but after a value; `false` when more bytes are
    /// needed to tell.
    fn token(&mut self, message: &[u8], byte: u8) -> Result<bool, Fault> {
        match (self.state, byte) {
            (State::FirstKey | State::NextKey, b'"') => {
                self.position += 1;
                self.key_start = self.position;
                self.key_has_escape = false;
                self.state = State::Key;
            }
            (State::FirstKey, b'}') => self.state = State::AfterValue,
            (State::FirstKey | State::NextKey, _) => return Err(self.syntax("a key is missing")),
            (State::Colon, b':') => {
                self.position += 1;
                self.state = State::Value;
            }
            (State::Colon, _) => return Err(self.syntax("a ':' is missing")),
            (State::FirstElement, b']') => self.state = State::AfterValue,
            _ => return self.value(message, byte),
        }
        Ok(true)
    }

    fn value(&mut self, message: &[u8], byte: u8) -> Result<bool, Fault> {
        if self.depth == 1 {
            self.value_start = self.position;
        }
        match byte {
            b'"' => self.state = State::Text,
            b'{' => return self.open(State::FirstKey, 1),
            b'[' => return self.open(State::FirstElement, 0),
            b'-' => self.state = State::Number(Digits::Minus),
            b'0' => self.state = State::Number(Digits::Zero),
            b'1'..=b'9' => self.state = State::Number(Digits::Integer),
            b't' => return self.literal(message, b"true"),
            b'f' => return self.literal(message, b"false"),
            b'n' => return self.literal(message, b"null"),
            _ => return Err(self.syntax("a value is missing")),
        }
        self.position += 1;
        Ok(true)
    }

    fn open(&mut self, state: State, container: u128) -> Result<bool, Fault> {
        if self.max_depth <= self.depth {
            return Err(Fault::TooDeep {
                limit: self.max_depth,
            });
        }
        self.depth += 1;
        self.containers = self.containers << 1 | container;
        self.position += 1;
        self.state = state;
        Ok(true)
    }

    fn after_value(&mut self, byte: u8) -> Result<(), Fault> {
        let in_object = self.containers & 1 == 1;
        match byte {
            b',' => {
                self.state = if in_object {
                    State::NextKey
                } else {
                    State::Value
                };
                self.position += 1;
            }
            b'}' if in_object => self.close(),
            b']' if !in_object => self.close(),
            _ if in_object => return Err(self.syntax("a ',' or '}' is missing")),
            _ => return Err(self.syntax("a ',' or ']' is missing")),
        }
        Ok(())
    }

    fn close(&mut self) {
        self.position += 1;
        self.depth -= 1;
        self.containers >>= 1;
        if self.depth == 1 {
            self.end_value();
        }
        self.state = State::AfterValue;
    }

    fn end_value(&mut self) {
        if let Some(field) = self.field.take() {
            self.envelope.present |= field.bit();
            self.envelope.spans[field as usize] = (offset(self.value_start), offset(self.position));
        }
    }

    fn key_text(&mut self, message: &[u8]) -> Result<bool, Fault> {
        let end = text(message, self.position, &mut self.key_has_escape)?;
        let TextEnd::Closed(end) = end else {
            return Ok(self.pause(end));
        };
        self.position = end;
        self.state = State::Colon;
        if self.depth == 1 {
            self.field = self.find_field(&message[self.key_start..end - 1]);
            if let Some(field) = self.field.filter(|&field| self.envelope.has(field)) {
                return Err(Fault::DuplicateKey { key: field.key() });
            }
        }
        Ok(true)
    }

    /// Looks a key up as what it says: `"\u0069d"` is `"id"`.
    #[inline]
    fn find_field(&self, key: &[u8]) -> Option<Field> {
        if !self.key_has_escape {
            return Field::from_key(key);
        }
        // The longest key of the envelope has 10 characters, each of which may be an escape.
        if 60 < key.len() {
            return None;
        }
        let quoted = [b"\"", key, b"\""].concat();
        let key: String = serde_json::from_slice(&quoted).ok()?;
        Field::from_key(key.as_bytes())
    }

    fn value_text(&mut self, message: &[u8]) -> Result<bool, Fault> {
        let end = text(message, self.position, &mut self.key_has_escape)?;
        let TextEnd::Closed(end) = end else {
            return Ok(self.pause(end));
        };
        self.position = end;
        self.finish_scalar();
        Ok(true)
    }

    fn pause(&mut self, end: TextEnd) -> bool {
        if let TextEnd::Paused(position) = end {
            self.position = position;
        }
        false
    }

    fn finish_scalar(&mut self) {
        if self.depth == 1 {
            self.end_value();
        }
        self.state = State::AfterValue;
    }

    fn number(&mut self, message: &[u8], mut digits: Digits) -> Result<bool, Fault> {
        use Digits::{Exponent, Fraction, Integer, Mark, Minus, Point, Sign, Zero};
        while let Some(&byte) = message.get(self.position) {
            digits = match (digits, byte) {
                (Minus, b'0') => Zero,
                (Minus, b'1'..=b'9') | (Integer, b'0'..=b'9') => Integer,
                (Zero | Integer, b'.') => Point,
                (Point | Fraction, b'0'..=b'9') => Fraction,
                (Zero | Integer | Fraction, b'e' | b'E') => Mark,
                (Mark, b'+' | b'-') => Sign,
                (Mark | Sign | Exponent, b'0'..=b'9') => Exponent,
                (Zero, b'0'..=b'9') => return Err(self.syntax("a number begins with '0'")),
                (Zero | Integer | Fraction | Exponent, _) => {
                    self.finish_scalar();
                    return Ok(true);
                }
                (Minus | Point | Mark | Sign, _) => {
                    return Err(self.syntax("a digit is missing"));
                }
            };
            self.position += 1;
        }
        self.state = State::Number(digits);
        Ok(false)
    }

    fn literal(&mut self, message: &[u8], word: &[u8]) -> Result<bool, Fault> {
        let rest = &message[self.position..];
        let available = rest.len().min(word.len());
        if rest[..available] != word[..available] {
            return Err(self.syntax("a value is missing"));
        }
        if available < word.len() {
            return Ok(false);
        }
        self.position += word.len();
        self.finish_scalar();
        Ok(true)
    }

    fn syntax(&self, problem: &'static str) -> Fault {
        Fault::Syntax {
            offset: self.position,
            problem,
        }
    }
}

/// A member of an object, `"key":value`, whose value is a plain text or a whole number.
struct PlainMember {
    /// Where the key's closing quote stands.
    key_end: usize,
    /// Where the value ends.
    end: usize,
}

impl PlainMember {
    #[inline]
    fn read(message: &[u8], start: usize) -> Option<Self> {
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

/// Where the closing quote of a text without escapes stands that begins with a quote at `start`.
#[inline]
fn plain_text_end(message: &[u8], start: usize) -> Option<usize> {
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

/// A position as stored in a span; the decoder's limit keeps messages below 4 GiB.
fn offset(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// Reads on through a string from `position`, up to and including its closing quote.
#[inline]
fn text(message: &[u8], mut position: usize, has_escape: &mut bool) -> Result<TextEnd, Fault> {
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

    #[test]
    fn every_field_is_found_by_its_key() {
        for &field in Field::ALL {
            assert_eq!(Field::from_key(field.key().as_bytes()), Some(field));
        }
        assert!(Field::ALL.len() <= 32, "the presence mask has 32 bits");
    }
}
