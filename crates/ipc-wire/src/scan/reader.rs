//! Words at a place in a message: what the way by words reads.

use crate::{
    block::Blocks,
    envelope::Field,
    lex::{literal_len, long_number_end, number_len, skip_space},
    text::{Stop, text},
    window::Window,
};

/// A place in a message, from which words are read that are whole and right.
#[derive(Clone, Copy)]
pub(super) struct Reader<'m, B> {
    pub(super) blocks: B,
    pub(super) message: &'m [u8],
    pub(super) position: usize,
    window: Window,
    pub(super) has_line_breaks: bool,
}

impl<'m, B: Blocks> Reader<'m, B> {
    #[inline(always)]
    pub(super) fn new(blocks: B, message: &'m [u8], position: usize) -> Self {
        Self {
            blocks,
            message,
            position,
            window: Window::new(blocks, message, position),
            has_line_breaks: false,
        }
    }

    /// Goes on at another place, which the window that is there may be behind.
    #[inline(always)]
    pub(super) fn go_on(&mut self, position: usize) {
        self.position = position;
        self.window = Window::new(self.blocks, self.message, position);
    }

    /// The first byte of the next word, after white space.
    #[inline(always)]
    pub(super) fn peek(&mut self) -> Option<u8> {
        let byte = *self.message.get(self.position)?;
        if b' ' < byte {
            return Some(byte);
        }
        // Most white space is a single blank.
        if byte == b' ' {
            let byte = *self.message.get(self.position + 1)?;
            if b' ' < byte {
                self.position += 1;
                return Some(byte);
            }
        }
        let (end, has_breaks) = skip_space(self.message, self.position);
        self.position = end;
        self.has_line_breaks |= has_breaks;
        self.message.get(end).copied()
    }

    /// Reads `"key":`, from its quote on; else stays before it.
    #[inline(always)]
    pub(super) fn key(&mut self) -> bool {
        let start = self.position;
        if self.text() && self.peek() == Some(b':') {
            self.position += 1;
            return true;
        }
        self.position = start;
        false
    }

    /// Reads `"key":` as a key of the envelope, if it is short and plain, and not one that the
    /// message `has` already; else stays before it.
    #[inline(always)]
    pub(super) fn known_key(&mut self, has: impl FnOnce(Field) -> bool) -> Option<Option<Field>> {
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.position;
        let (quote, b'"') = self.stop(start + 1)? else {
            return None;
        };
        let field = Field::from_key(&self.message[start + 1..quote]);
        self.position = quote + 1;
        if self.peek() != Some(b':') || field.is_some_and(has) {
            self.position = start;
            return None;
        }
        self.position += 1;
        Some(field)
    }

    /// Reads a text; else stays before it.
    #[inline(always)]
    pub(super) fn text(&mut self) -> bool {
        let start = self.position + 1;
        if let Some(quote) = self.near_quote(start) {
            self.position = quote + 1;
            return true;
        }
        let (end, window) = text(self.blocks, self.message, start, self.window);
        self.window = window;
        let is_closed = end.stop == Stop::Closed;
        if is_closed {
            self.position = end.position;
        }
        is_closed
    }

    /// Where the closing quote of the text stands that goes on at `position`, if it is the next
    /// stop.
    #[inline(always)]
    fn near_quote(&mut self, position: usize) -> Option<usize> {
        let (stop, byte) = self.stop(position)?;
        if byte < 0x80 {
            return (byte == b'"').then_some(stop);
        }
        self.window = self.window.with_characters(self.blocks, self.message);
        let (stop, byte) = self.stop(position)?;
        (byte == b'"').then_some(stop)
    }

    /// The next stop in a text, and the byte there, if it is near.
    #[inline(always)]
    fn stop(&mut self, position: usize) -> Option<(usize, u8)> {
        let stops = match self.window.stops_from(position) {
            Some(stops) => stops,
            None => {
                self.window = Window::new(self.blocks, self.message, position);
                self.window.stops_from(position)?
            }
        };
        let stop = position + stops.trailing_zeros() as usize;
        Some((stop, *self.message.get(stop)?))
    }

    #[inline(always)]
    pub(super) fn number(&mut self) -> bool {
        let digits = match self.window.digits_from(self.position) {
            Some(digits) => Some(digits),
            None => {
                self.window = Window::new(self.blocks, self.message, self.position);
                self.window.digits_from(self.position)
            }
        };
        let Some(rest) = self.message.get(self.position..) else {
            return false;
        };
        let end = match digits.and_then(|digits| number_len(digits, rest)) {
            Some(len) => Some(self.position + len),
            None => long_number_end(self.message, self.position),
        };
        if let Some(end) = end {
            self.position = end;
        }
        end.is_some()
    }

    #[inline(always)]
    pub(super) fn literal(&mut self) -> bool {
        let rest = self.message.get(self.position..);
        match rest.and_then(literal_len) {
            Some(len) => {
                self.position += len;
                true
            }
            None => false,
        }
    }
}
