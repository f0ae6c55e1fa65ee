//! Which bytes of a row are within texts, and whether escapes and characters are right.

use crate::{
    block::{BLOCK_BYTES, Block, Marks},
    row::Row,
    text::{character_len, escape_len},
    window::right_characters,
};

/// What may follow a backslash, each at the place that its four lowest bits tell. Left out are `"`
/// and `r`, which would be at the place of `b`. No byte belongs where the zeros are, nor at the first
/// place.
const ESCAPES: [u8; 16] = [
    !0, 0, b'b', 0, b't', b'u', b'f', 0, 0, 0, 0, 0, b'\\', 0, b'n', b'/',
];

/// What the next bytes have to know of texts.
#[derive(Clone, Copy, Default)]
pub(super) struct Texts {
    /// They begin within a text.
    within: bool,
    /// The first of them, if it is escaped.
    escaped: u64,
    /// The first of them, as far as they are digits of an escape.
    digits: u64,
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

    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn next<R: Row>(&mut self, quotes: R) -> Found<R> {
        let without_ends = quotes.odd(&mut self.within);
        Found {
            bytes: without_ends | quotes,
            without_ends,
            starts: without_ends & quotes,
        }
    }

    /// Looks at the escapes and characters of the `n`th block of a row; which bytes are escaped, if
    /// all is right so far.
    #[inline(always)]
    pub(super) fn look(&mut self, block: impl Block, n: usize, row: &[u8]) -> Option<u64> {
        let backslashes = block.equal(b'\\').bits();
        let mut escaped = 0;
        if backslashes | self.escaped | self.digits != 0 {
            escaped = self.escapes(block, backslashes)?;
        }
        let not_ascii = block.within(0x80, 0xFF).bits();
        if not_ascii != 0 {
            self.characters(block, not_ascii, row.get(n * BLOCK_BYTES..)?)?;
        }
        Some(escaped)
    }

    /// The bytes that are escaped, if all escapes are right so far.
    #[inline(always)]
    fn escapes(&mut self, block: impl Block, backslashes: u64) -> Option<u64> {
        // In a run of backslashes every other one escapes what follows. Taken from the odd bits,
        // the backslashes leave a borrow that runs through each run, and so tells the odd places
        // of those that begin at even ones, and the even of the others.
        const ODD: u64 = !(u64::MAX / 3);
        let may_escape = backslashes & !self.escaped;
        let escapes = (may_escape << 1 | ODD).wrapping_sub(may_escape) ^ ODD;
        let escaped = escapes ^ (backslashes | self.escaped);

        let known = block.at_place_in(&ESCAPES) | block.equal(b'"') | block.equal(b'r');
        let unicode = block.equal(b'u').bits() & escaped;
        let mut errors = escaped & !known.bits();
        let due = self.digits | unicode << 1 | unicode << 2 | unicode << 3 | unicode << 4;
        if due != 0 {
            let hex = block.within(b'0', b'9') | block.with_bits(0x20).within(b'a', b'f');
            errors |= due & !hex.bits();
        }
        self.digits = unicode >> 63 | unicode >> 62 | unicode >> 61 | unicode >> 60;
        self.escaped = (escapes & backslashes) >> 63;
        (errors == 0).then_some(escaped)
    }

    /// Whether an escape that a row leaves open goes on rightly behind its last byte, with which
    /// `rest` begins.
    #[inline(always)]
    pub(super) fn is_whole_with(&self, rest: &[u8]) -> bool {
        let n_digits = self.digits.trailing_ones() as usize;
        if self.escaped != 0 {
            escape_len(rest).whole().is_some()
        } else if n_digits != 0 {
            let digits = rest.get(1..=n_digits);
            digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        } else {
            true
        }
    }

    /// Looks at characters that are not ASCII; nothing, if one is wrong. The block is that at the
    /// front of `rest`.
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
