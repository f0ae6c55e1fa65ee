//! The resumable scanner: one pass finds where a message ends, where its envelope's values stand,
//! and that the whole is JSON (RFC 8259) in UTF-8 (RFC 3629).
//!
//! [`Scanner::scan`] is called with the message's bytes so far and goes on where it stopped. A
//! text and a number are resumed in their middle; an escape, a literal and a character of several
//! bytes are begun again, and those have six bytes at the most: so the cost stays linear however
//! the stream is cut.
//!
//! There are three ways through a message. The careful one, here, goes from state to state, and
//! byte by byte through numbers: it resumes what was cut, and is the only one that finds a fault.
//! The way by words (`words.rs`, `reader.rs`) reads whole words that are right, which most are. The
//! way by rows (`rows.rs`) goes through large containers by 512 bytes at a time or more, where the
//! processor has wide vectors. Where one of these two stops, the careful one takes over.
//!
//! The first two read texts by the same function (`text.rs`), which goes from stop to stop of
//! windows of 64 bytes (`window.rs`). All bytes are looked at with vector instructions where there
//! are any (`block.rs`).

mod reader;
mod rows;
mod words;

use crate::{
    block::{Blocks, Instructions, with_blocks},
    envelope::{Envelope, Field},
    fault::Fault,
    lex::skip_space,
    text::{Stop, text},
    window::Window,
};

/// The deepest nesting that the scanner can follow: one bit of a `u128` a level.
pub(crate) const MAX_DEPTH: u32 = 128;

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

/// What is said of the words of other languages.
const NO_SUCH_VALUE: &str = "a value is missing (JSON has no NaN, Infinity or None)";

/// What [`Scanner::scan`] found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// The message is not whole yet.
    NeedsMore,
    /// The message ends before this offset.
    Complete(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Scanner {
    instructions: Instructions,
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
    field: Option<Field>,
    envelope: Envelope,
    /// From where on a container may be read by rows.
    rows_from: usize,
}

impl Scanner {
    pub(crate) fn new(max_depth: u32) -> Self {
        let best = Instructions::available().next();
        Self::with_instructions(max_depth, best.unwrap_or(Instructions::SCALAR))
    }

    /// A scanner that uses these instructions, even if there are better ones.
    pub(crate) fn with_instructions(max_depth: u32, instructions: Instructions) -> Self {
        Self {
            instructions,
            max_depth: max_depth.clamp(1, MAX_DEPTH),
            position: 0,
            state: State::FirstKey,
            depth: 0,
            containers: 0,
            key_start: 0,
            value_start: 0,
            field: None,
            envelope: Envelope::EMPTY,
            rows_from: 0,
        }
    }

    /// Begins a new message, whose first byte is a `{`.
    pub(crate) fn begin(&mut self) {
        self.position = 1;
        self.rows_from = 0;
        self.state = State::FirstKey;
        self.depth = 1;
        self.containers = 1;
        self.field = None;
        self.envelope.clear();
    }

    /// Where the values of the message that was just completed stand.
    pub(crate) const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Goes on through `message`, which holds all of it that has arrived, from its `{` on.
    pub(crate) fn scan(&mut self, message: &[u8]) -> Result<Progress, Fault> {
        with_blocks!(self.instructions, blocks => self.scan_with(blocks, message))
    }

    #[inline(always)]
    fn scan_with(&mut self, blocks: impl Blocks, message: &[u8]) -> Result<Progress, Fault> {
        loop {
            if self.depth == 1
                && matches!(self.state, State::FirstKey | State::NextKey)
                && self.members(blocks, message)
            {
                return Ok(Progress::Complete(self.position));
            }
            if 1 < self.depth && self.nested(blocks, message) {
                self.end_value();
            }
            let moved = match self.state {
                State::Key => self.key_text(blocks, message)?,
                State::Text => self.value_text(blocks, message)?,
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

    /// The next byte that is not white space, which is not yet consumed.
    fn skip_space(&mut self, message: &[u8]) -> Option<u8> {
        let (end, has_breaks) = skip_space(message, self.position);
        self.position = end;
        self.envelope.has_line_breaks |= has_breaks;
        message.get(end).copied()
    }

    /// Handles the first byte of a token anywhere but after a value; `false` when more bytes are
    /// needed to tell.
    fn token(&mut self, message: &[u8], byte: u8) -> Result<bool, Fault> {
        match (self.state, byte) {
            (State::FirstKey | State::NextKey, b'"') => {
                self.position += 1;
                self.key_start = self.position;
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
            b'N' | b'I' => return Err(self.syntax(NO_SUCH_VALUE)),
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
            self.envelope.note(field, self.value_start, self.position);
        }
    }

    #[inline(always)]
    fn key_text(&mut self, blocks: impl Blocks, message: &[u8]) -> Result<bool, Fault> {
        if !self.text(blocks, message)? {
            return Ok(false);
        }
        self.state = State::Colon;
        if self.depth == 1 {
            self.field = find_field(&message[self.key_start..self.position - 1]);
            if let Some(field) = self.field.filter(|&field| self.envelope.has(field)) {
                return Err(Fault::DuplicateKey { key: field.key() });
            }
        }
        Ok(true)
    }

    #[inline(always)]
    fn value_text(&mut self, blocks: impl Blocks, message: &[u8]) -> Result<bool, Fault> {
        let is_whole = self.text(blocks, message)?;
        if is_whole {
            self.finish_scalar();
        }
        Ok(is_whole)
    }

    /// Goes on through a text; whether it is whole.
    #[inline(always)]
    fn text(&mut self, blocks: impl Blocks, message: &[u8]) -> Result<bool, Fault> {
        let window = Window::new(blocks, message, self.position);
        let (end, _) = text(blocks, message, self.position, window);
        self.position = end.position;
        match end.stop {
            Stop::Closed => Ok(true),
            Stop::Paused => Ok(false),
            Stop::BadEscape => Err(self.syntax("an escape is not one of JSON's")),
            Stop::BadCharacter => Err(self.syntax("the text is not UTF-8")),
            Stop::Control => Err(self.syntax("a string has a bare control character")),
        }
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
                (Minus, b'I') => return Err(self.syntax(NO_SUCH_VALUE)),
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

/// Looks a key up as what it says: `"\u0069d"` is `"id"`.
fn find_field(key: &[u8]) -> Option<Field> {
    // The longest key of the envelope has 10 characters, each of which may be an escape.
    if 60 < key.len() {
        return None;
    }
    if !key.contains(&b'\\') {
        return Field::from_key(key);
    }
    let quoted = [b"\"", key, b"\""].concat();
    let key: String = serde_json::from_slice(&quoted).ok()?;
    Field::from_key(key.as_bytes())
}
