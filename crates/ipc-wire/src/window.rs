//! What the scanner sees of a message at a time: where in the next bytes a text may end, and which
//! of them are digits.
//!
//! All of a window's bytes are looked at together, before it is known what they belong to. So the
//! way from one word to the next is a shift and a count, and does not wait for the bytes.

use crate::block::{BLOCK_BYTES, Block, Blocks, Marks};

/// What is known of some bytes of a message, one bit a byte, the first byte's the lowest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    start: usize,
    /// The bytes that are no plain part of a text: quotes, backslashes, control characters, and
    /// what is not ASCII unless it was found to be right.
    stops: u64,
    digits: u64,
}

impl Window {
    /// The bytes from `start` on. What is behind the end of the message is a stop.
    #[inline(always)]
    pub(crate) fn new(blocks: impl Blocks, message: &[u8], start: usize) -> Self {
        let rest = message.get(start..).unwrap_or_default();
        let (stops, digits) = blocks.run(
            #[inline(always)]
            move || {
                let block = load(blocks, rest);
                let stops = block.equal(b'"')
                    | block.equal(b'\\')
                    | block.within(0, 0x1f)
                    | block.within(0x80, 0xff);
                (stops.bits(), block.within(b'0', b'9').bits())
            },
        );
        Self {
            start,
            stops,
            digits,
        }
    }

    /// The stops from `position` on, if the window has one.
    #[inline(always)]
    pub(crate) fn stops_from(&self, position: usize) -> Option<u64> {
        let offset = position - self.start;
        if BLOCK_BYTES <= offset {
            return None;
        }
        Some(self.stops >> offset).filter(|&stops| stops != 0)
    }

    /// Which of the next [`N_DIGITS`] bytes are digits, if the window has so many.
    #[inline(always)]
    pub(crate) fn digits_from(&self, position: usize) -> Option<u64> {
        let offset = position - self.start;
        let next = (1 << N_DIGITS) - 1;
        (offset <= BLOCK_BYTES - N_DIGITS).then(|| self.digits >> offset & next)
    }

    /// Lets the characters of several bytes be no stops that are right and whole in the window.
    #[inline(always)]
    #[must_use]
    pub(crate) fn with_characters(self, blocks: impl Blocks, message: &[u8]) -> Self {
        let rest = message.get(self.start..).unwrap_or_default();
        let right = blocks.run(
            #[inline(always)]
            move || right_characters(load(blocks, rest), 0),
        );
        Self {
            stops: self.stops & !right,
            ..self
        }
    }

    /// Where the bytes begin that the window does not show.
    #[inline(always)]
    pub(crate) const fn end(&self) -> usize {
        self.start + BLOCK_BYTES
    }
}

/// How many bytes of a number are looked at together.
pub(crate) const N_DIGITS: usize = 24;

#[inline(always)]
fn load<B: Blocks>(blocks: B, rest: &[u8]) -> B::Block {
    match rest.first_chunk() {
        Some(bytes) => blocks.load(bytes),
        None => {
            let mut bytes = [0; BLOCK_BYTES];
            bytes[..rest.len()].copy_from_slice(rest);
            blocks.load(&bytes)
        }
    }
}

/// Which bytes belong to characters of several bytes that are right by the table of RFC 3629,
/// section 4, and whole in the block; none, if one is wrong.
#[inline(always)]
pub(crate) fn right_characters(block: impl Block, known: u64) -> u64 {
    let not_ascii = block.within(0x80, 0xFF).bits();
    let next = block.within(0x80, 0xBF).bits() & !known;
    // The first bytes of characters that have this many bytes, or more.
    let two = block.within(0xC2, 0xF4).bits();
    let three = block.within(0xE0, 0xF4).bits();
    let four = block.within(0xF0, 0xF4).bits();
    let mut wrong =
        ((two << 1 | three << 2 | four << 3) ^ next) | (not_ascii ^ (known | next | two));
    let narrow = block.equal(0xE0) | block.equal(0xED) | block.equal(0xF0) | block.equal(0xF4);
    if narrow.bits() != 0 {
        // Overlong forms, surrogates, and what is beyond Unicode.
        wrong |= block.equal(0xE0).bits() << 1 & block.within(0x80, 0x9F).bits()
            | block.equal(0xED).bits() << 1 & block.within(0xA0, 0xBF).bits()
            | block.equal(0xF0).bits() << 1 & block.within(0x80, 0x8F).bits()
            | block.equal(0xF4).bits() << 1 & block.within(0x90, 0xBF).bits();
    }
    if wrong != 0 {
        return 0;
    }
    // The first byte of a character that goes on behind the block.
    let cut = two & 1 << 63 | three & 3 << 62 | four & 7 << 61;
    not_ascii & !cut & cut.wrapping_sub(1)
}
