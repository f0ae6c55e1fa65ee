//! What the bytes of a row are, each by itself.

use crate::{
    block::{BLOCK_BYTES, Block, Blocks, Marks},
    row::ROW_WORDS,
    scan::rows::texts::Texts,
};

/// Which bytes of a row are what.
pub(super) struct Classes {
    /// Quotes that begin or end a text.
    pub(super) quotes: [u64; ROW_WORDS],
    pub(super) controls: [u64; ROW_WORDS],
    /// White space.
    pub(super) spaces: [u64; ROW_WORDS],
    /// Line feeds and carriage returns.
    pub(super) breaks: [u64; ROW_WORDS],
    pub(super) opening: [u64; ROW_WORDS],
    pub(super) closing: [u64; ROW_WORDS],
    /// Bytes with the bit that tells `{` and `}` from `[` and `]`.
    pub(super) curly: [u64; ROW_WORDS],
    pub(super) commas: [u64; ROW_WORDS],
    pub(super) colons: [u64; ROW_WORDS],
    pub(super) digits: [u64; ROW_WORDS],
    pub(super) zeros: [u64; ROW_WORDS],
    pub(super) minus: [u64; ROW_WORDS],
    pub(super) points: [u64; ROW_WORDS],
}

impl Classes {
    /// A row of blanks.
    pub(super) const BLANK: Self = Self {
        quotes: [0; ROW_WORDS],
        controls: [0; ROW_WORDS],
        spaces: [!0; ROW_WORDS],
        breaks: [0; ROW_WORDS],
        opening: [0; ROW_WORDS],
        closing: [0; ROW_WORDS],
        curly: [0; ROW_WORDS],
        commas: [0; ROW_WORDS],
        colons: [0; ROW_WORDS],
        digits: [0; ROW_WORDS],
        zeros: [0; ROW_WORDS],
        minus: [0; ROW_WORDS],
        points: [0; ROW_WORDS],
    };

    /// Looks at the bytes of a row, at most its length of `rest`. Nothing, if an escape or a
    /// character is wrong or not whole.
    #[inline(always)]
    pub(super) fn fill(
        &mut self,
        blocks: impl Blocks,
        rest: &[u8],
        texts: &mut Texts,
    ) -> Option<()> {
        for n in 0..ROW_WORDS {
            let rest = rest.get(n * BLOCK_BYTES..).unwrap_or_default();
            if let Some(bytes) = rest.first_chunk() {
                self.look(blocks.load(bytes), n, rest, texts)?;
            } else if !rest.is_empty() {
                let mut bytes = [b' '; BLOCK_BYTES];
                bytes[..rest.len()].copy_from_slice(rest);
                self.look(blocks.load(&bytes), n, rest, texts)?;
            }
        }
        Some(())
    }

    #[inline(always)]
    fn look(&mut self, block: impl Block, n: usize, rest: &[u8], texts: &mut Texts) -> Option<()> {
        let folded = block.with_bits(0x20);
        self.spaces[n] = block.equal(b' ').bits();
        let controls = block.within(0, 0x1F).bits();
        if controls != 0 {
            let breaks = block.equal(b'\n') | block.equal(b'\r');
            self.spaces[n] |= (breaks | block.equal(b'\t')).bits();
            self.breaks[n] = breaks.bits();
            self.controls[n] = controls;
        }
        self.opening[n] = folded.equal(b'{').bits();
        self.closing[n] = folded.equal(b'}').bits();
        self.curly[n] = block.has_bit(5).bits();
        self.commas[n] = block.equal(b',').bits();
        self.colons[n] = block.equal(b':').bits();
        self.digits[n] = block.within(b'0', b'9').bits();
        self.zeros[n] = block.equal(b'0').bits();
        self.minus[n] = block.equal(b'-').bits();
        self.points[n] = block.equal(b'.').bits();
        self.quotes[n] = block.equal(b'"').bits() & !texts.look(block, rest)?;
        Some(())
    }
}
