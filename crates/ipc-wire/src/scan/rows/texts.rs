//! Which bytes of a row are within texts, and whether escapes and characters are right.

use crate::{
    block::{BLOCK_BYTES, Block, Marks},
    row::Row,
    text::{character_len, escape_len},
    window::right_characters,
};

/// What the next bytes have to know of texts.
#[derive(Clone, Copy, Default)]
pub(super) struct Texts {
    /// They begin within a text.
    within: bool,
    /// The first of them, if it is escaped.
    escaped: u64,
    /// The first of them, as far as they belong to a character that was looked at.
    known: u64,
}

/// The texts of a row.
pub(super) struct Found<R> {
    /// All bytes from quote to quote.
    pub(super) bytes: R,
    /// The same without the closing quotes.
    pub(super) without_ends: R,
    /// The opening quotes.
    pub(super) starts: R,
}

impl Texts {
    pub(super) fn is_within(&self) -> bool {
        self.within
    }

    /// How many of the next bytes were looked at with those before.
    pub(super) fn n_known(&self) -> usize {
        (self.escaped | self.known).trailing_ones() as usize
    }

    #[inline(always)]
    pub(super) fn next<R: Row>(&mut self, quotes: R) -> Found<R> {
        let without_ends = quotes.odd(&mut self.within);
        Found {
            bytes: without_ends | quotes,
            without_ends,
            starts: without_ends & quotes,
        }
    }

    /// Looks at the escapes and characters of a block, with which `rest` begins; which bytes are
    /// escaped, if all is right.
    #[inline(always)]
    pub(super) fn look(&mut self, block: impl Block, rest: &[u8]) -> Option<u64> {
        let backslashes = block.equal(b'\\');
        let not_ascii = block.within(0x80, 0xFF);
        let mut escaped = self.escaped;
        self.escaped = 0;
        if (backslashes | not_ascii).bits() != 0 {
            let backslashes = backslashes.bits();
            if backslashes != 0 {
                self.escaped = escaped;
                escaped = self.escapes(block, backslashes, rest)?;
            }
            let not_ascii = not_ascii.bits();
            if not_ascii != 0 {
                self.characters(block, not_ascii, rest)?;
            }
        }
        Some(escaped)
    }

    /// The bytes that are escaped, if all escapes are right.
    #[inline(always)]
    fn escapes(&mut self, block: impl Block, backslashes: u64, rest: &[u8]) -> Option<u64> {
        // In a run of backslashes every other one escapes what follows. Taken from the odd bits,
        // the backslashes leave a borrow that runs through each run, and so tells the odd places
        // of those that begin at even ones, and the even of the others.
        const ODD: u64 = !(u64::MAX / 3);
        let may_escape = backslashes & !self.escaped;
        let escapes = (may_escape << 1 | ODD).wrapping_sub(may_escape) ^ ODD;
        let escaped = escapes ^ (backslashes | self.escaped);

        let folded = block.with_bits(0x20);
        let simple = (block.equal(b'"') | block.equal(b'\\') | block.equal(b'/'))
            | (block.equal(b'b') | block.equal(b'f') | block.equal(b'n'))
            | (block.equal(b'r') | block.equal(b't'));
        let unicode = block.equal(b'u').bits() & escaped;
        let hex = (block.within(b'0', b'9') | folded.within(b'a', b'f')).bits();
        let digits = unicode << 1 | unicode << 2 | unicode << 3 | unicode << 4;
        if escaped & !(simple.bits() | unicode) | digits & !hex != 0 {
            return None;
        }

        self.escaped = (escapes & backslashes) >> 63;
        if self.escaped != 0 {
            escape_len(&rest[BLOCK_BYTES - 1..]).whole()?;
        }
        let last = BLOCK_BYTES - unicode.leading_zeros() as usize;
        let beyond = rest.get(BLOCK_BYTES..).unwrap_or_default();
        let digits = beyond.get(..(last + 4).saturating_sub(BLOCK_BYTES))?;
        digits.iter().all(u8::is_ascii_hexdigit).then_some(escaped)
    }

    /// Looks at characters that are not ASCII; nothing, if one is wrong.
    #[inline(always)]
    fn characters(&mut self, block: impl Block, not_ascii: u64, rest: &[u8]) -> Option<()> {
        let others = not_ascii & !right_characters(block, self.known);
        self.known = 0;
        if others != 0 {
            // Only the last may be none of those, if it goes on in the next block.
            let start = others.trailing_zeros() as usize;
            let end = start + character_len(&rest[start..]).whole()?;
            let n_beyond = end.checked_sub(BLOCK_BYTES).filter(|&n| 0 < n)?;
            self.known = (1 << n_beyond) - 1;
        }
        Some(())
    }
}
