//! The scanner's way by words: through members of the top level, and through what they contain, as
//! long as that is small or sparse.
//!
//! It goes from word to word, and knows where it is by where it is in the code. It stops before
//! whatever is wrong, rare, or not whole, and leaves the scanner in the state in which the careful
//! way goes on; so nothing is refused here, and nothing resumed.

use crate::{
    block::Blocks,
    scan::{Scanner, State, reader::Reader},
};

impl Scanner {
    /// Goes through whole members of the top level, from before a key on; whether the message
    /// ended.
    #[inline(always)]
    pub(super) fn members(&mut self, blocks: impl Blocks, message: &[u8]) -> bool {
        let mut reader = Reader::new(blocks, message, self.position);
        let is_complete = self.read_members(&mut reader);
        self.position = reader.position;
        self.envelope.has_line_breaks |= reader.has_line_breaks;
        is_complete
    }

    #[inline(always)]
    fn read_members(&mut self, reader: &mut Reader<'_, impl Blocks>) -> bool {
        while let Some(field) = reader.known_key(|field| self.envelope.has(field)) {
            let first = reader.peek();
            let start = reader.position;
            if !self.read_value(reader, first) {
                (self.field, self.value_start) = (field, start);
                return false;
            }
            if let Some(field) = field {
                self.envelope.note(field, start, reader.position);
            }
            match reader.peek() {
                Some(b',') => self.state = State::NextKey,
                Some(b'}') => {
                    reader.position += 1;
                    self.depth = 0;
                    return true;
                }
                _ => {
                    self.state = State::AfterValue;
                    return false;
                }
            }
            reader.position += 1;
        }
        false
    }

    /// Reads a value of the top level; else the state says where it stopped.
    #[inline(always)]
    fn read_value(&mut self, reader: &mut Reader<'_, impl Blocks>, first: Option<u8>) -> bool {
        match first {
            Some(b'"') if reader.text() => true,
            Some(b'-' | b'0'..=b'9') if reader.number() => true,
            Some(b't' | b'f' | b'n') if reader.literal() => true,
            Some(b'{' | b'[') => {
                self.state = State::Value;
                self.rows_from = reader.position + SMALL_BYTES;
                self.read_container(reader);
                self.state == State::AfterValue && self.depth == 1
            }
            _ => {
                self.state = State::Value;
                false
            }
        }
    }

    /// Goes on through a container of the top level, from a value or from behind one, until it
    /// ends; whether it did.
    #[inline(always)]
    pub(super) fn nested(&mut self, blocks: impl Blocks, message: &[u8]) -> bool {
        if !matches!(self.state, State::Value | State::AfterValue) || FAST_DEPTH < self.depth {
            return false;
        }
        let mut reader = Reader::new(blocks, message, self.position);
        self.read_container(&mut reader);
        self.position = reader.position;
        self.envelope.has_line_breaks |= reader.has_line_breaks;
        self.depth == 1
    }

    /// Reads what is large and dense by rows, and the rest by words.
    #[inline(always)]
    fn read_container<B: Blocks>(&mut self, reader: &mut Reader<'_, B>) {
        let blocks = reader.blocks;
        blocks.run(
            #[inline(always)]
            || loop {
                self.read_words(reader);
                let is_large = self.rows_from <= reader.position && self.state == State::Value;
                if B::ROW_VECTORS == 0 || !is_large || self.depth == 1 {
                    return;
                }
                self.position = reader.position;
                self.read_rows(blocks, reader.message);
                reader.go_on(self.position);
                if self.depth == 1 || !matches!(self.state, State::Value | State::AfterValue) {
                    return;
                }
            },
        );
    }

    /// The loop of words below the top level, with all that has to be remembered at hand.
    #[inline(always)]
    fn read_words<B: Blocks>(&mut self, reader: &mut Reader<'_, B>) {
        #[expect(clippy::cast_possible_truncation, reason = "only so deep is gone here")]
        let containers = self.containers as u64;
        let mut walk = Walk {
            words: *reader,
            end: match B::ROW_VECTORS {
                0 => usize::MAX,
                _ => self.rows_from,
            },
            max_depth: self.max_depth.min(FAST_DEPTH),
            depth: self.depth,
            containers,
        };
        self.state = walk.go(self.state == State::AfterValue);
        *reader = walk.words;
        (self.depth, self.containers) = (walk.depth, walk.containers.into());
    }
}

/// A container that is not longer is read by words, which is faster there than by rows.
const SMALL_BYTES: usize = 128;

/// The deepest nesting that words and rows follow: one bit of a number a level, and one that tells
/// of what is deeper.
pub(super) const FAST_DEPTH: u32 = u64::BITS - 1;

/// The way through a container of the top level, with all that has to be remembered at hand.
struct Walk<'m, B> {
    words: Reader<'m, B>,
    /// From where on no value is begun.
    end: usize,
    max_depth: u32,
    depth: u32,
    containers: u64,
}

/// What comes next on the way.
enum Step {
    Value,
    AfterValue,
    /// What is not read by words.
    Stop(State),
}

impl<B: Blocks> Walk<'_, B> {
    /// Goes as far as possible; the state in which it stops, which is after a value if the
    /// container ended.
    #[inline(always)]
    fn go(&mut self, is_after_value: bool) -> State {
        if is_after_value && let Some(state) = self.after_value() {
            return state;
        }
        loop {
            if self.end <= self.words.position {
                return State::Value;
            }
            match self.value() {
                Step::Value => continue,
                Step::AfterValue => {}
                Step::Stop(state) => return state,
            }
            if let Some(state) = self.after_value() {
                return state;
            }
        }
    }

    /// Reads a value, or the beginning of one that is a container, up to a value in it.
    #[inline(always)]
    fn value(&mut self) -> Step {
        match self.words.peek() {
            Some(b'"') if self.words.text() => Step::AfterValue,
            Some(b'-' | b'0'..=b'9') if self.words.number() => Step::AfterValue,
            Some(b'{') if self.depth < self.max_depth => {
                self.open(1);
                match self.words.peek() {
                    Some(b'"') if self.words.key() => Step::Value,
                    Some(b'}') => Step::AfterValue,
                    _ => Step::Stop(State::FirstKey),
                }
            }
            Some(b'[') if self.depth < self.max_depth => {
                self.open(0);
                match self.words.peek() {
                    Some(b']') => Step::AfterValue,
                    Some(_) => Step::Value,
                    None => Step::Stop(State::FirstElement),
                }
            }
            Some(b't' | b'f' | b'n') if self.words.literal() => Step::AfterValue,
            _ => Step::Stop(State::Value),
        }
    }

    /// Reads what ends containers, up to the next value; or the state in which it stops.
    #[inline(always)]
    fn after_value(&mut self) -> Option<State> {
        loop {
            let in_object = self.containers & 1 == 1;
            let Some(next) = self.words.peek() else {
                return Some(State::AfterValue);
            };
            if next == b',' {
                self.words.position += 1;
                if !in_object || (self.words.peek() == Some(b'"') && self.words.key()) {
                    return None;
                }
                return Some(State::NextKey);
            }
            if next != if in_object { b'}' } else { b']' } {
                return Some(State::AfterValue);
            }
            self.words.position += 1;
            self.depth -= 1;
            self.containers >>= 1;
            if self.depth == 1 {
                return Some(State::AfterValue);
            }
        }
    }

    #[inline(always)]
    fn open(&mut self, container: u64) {
        self.words.position += 1;
        self.depth += 1;
        self.containers = self.containers << 1 | container;
    }
}
