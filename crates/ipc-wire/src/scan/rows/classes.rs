//! What the bytes of a row are, each by itself.

use crate::{
    block::{BLOCK_BYTES, Block, Blocks, Marks},
    row::{LANES, Words},
    scan::rows::{stretch::Stretch, texts::Texts},
};

/// Which bytes of a row are what.
pub(super) struct Classes<const N: usize> {
    /// Quotes that begin or end a text.
    pub(super) quotes: Words<N>,
    /// White space.
    pub(super) spaces: Words<N>,
    /// Those among the control characters; nothing, if there are none.
    pub(super) controls: Option<Controls<N>>,
    pub(super) opening: Words<N>,
    pub(super) closing: Words<N>,
    /// Bytes with the bit that tells `{` and `}` from `[` and `]`.
    pub(super) curly: Words<N>,
    pub(super) commas: Words<N>,
    pub(super) colons: Words<N>,
    pub(super) digits: Words<N>,
    pub(super) zeros: Words<N>,
    pub(super) minus: Words<N>,
    pub(super) points: Words<N>,
}

/// Which bytes of a row are control characters.
pub(super) struct Controls<const N: usize> {
    pub(super) all: Words<N>,
    /// Line feeds and carriage returns.
    pub(super) breaks: Words<N>,
    /// Those that are no white space.
    pub(super) wrong: Words<N>,
}

impl<const N: usize> Controls<N> {
    const NONE: Self = Self {
        all: [[0; LANES]; N],
        breaks: [[0; LANES]; N],
        wrong: [[0; LANES]; N],
    };
}

/// What only the exponents of numbers consist of.
pub(super) struct Exponents<const N: usize> {
    /// The letters that begin them.
    pub(super) marks: Words<N>,
    pub(super) plus: Words<N>,
}

impl<const N: usize> Exponents<N> {
    /// Looks at the bytes of a row.
    #[inline(always)]
    pub(super) fn new(blocks: impl Blocks, stretch: Stretch<'_, N>) -> Self {
        let mut found = Self {
            marks: [[0; LANES]; N],
            plus: [[0; LANES]; N],
        };
        for (n, bytes) in stretch.blocks().iter().enumerate() {
            let block = blocks.load(bytes);
            let (vector, lane) = (n / LANES, n % LANES);
            found.marks[vector][lane] = block.with_bits(0x20).equal(b'e').bits();
            found.plus[vector][lane] = block.equal(b'+').bits();
        }
        found
    }
}

impl<const N: usize> Classes<N> {
    /// A row of blanks.
    pub(super) const BLANK: Self = Self {
        quotes: [[0; LANES]; N],
        controls: None,
        spaces: [[!0; LANES]; N],
        opening: [[0; LANES]; N],
        closing: [[0; LANES]; N],
        curly: [[0; LANES]; N],
        commas: [[0; LANES]; N],
        colons: [[0; LANES]; N],
        digits: [[0; LANES]; N],
        zeros: [[0; LANES]; N],
        minus: [[0; LANES]; N],
        points: [[0; LANES]; N],
    };

    /// Looks at the bytes of a row. Nothing, if an escape or a character is wrong or not whole.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn fill(
        &mut self,
        blocks: impl Blocks,
        stretch: Stretch<'_, N>,
        texts: &mut Texts,
    ) -> Option<()> {
        let n_blocks = stretch.rest.len().div_ceil(BLOCK_BYTES);
        if n_blocks < N * LANES {
            *self = Self::BLANK;
        }
        self.controls = None;
        for (n, bytes) in stretch.blocks().iter().enumerate().take(n_blocks) {
            self.look(blocks.load(bytes), n, stretch.rest, texts)?;
        }
        let last = stretch.rest.get(Stretch::<N>::ROW_BYTES - 1..);
        texts.is_whole_with(last.unwrap_or_default()).then_some(())
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn look(&mut self, block: impl Block, n: usize, row: &[u8], texts: &mut Texts) -> Option<()> {
        let (vector, lane) = (n / LANES, n % LANES);
        let folded = block.with_bits(0x20);
        self.spaces[vector][lane] = block.within(0, b' ').bits();
        let controls = block.within(0, 0x1F).bits();
        if controls != 0 {
            let found = self.controls.get_or_insert(Controls::NONE);
            let breaks = block.equal(b'\n') | block.equal(b'\r');
            found.all[vector][lane] = controls;
            found.breaks[vector][lane] = breaks.bits();
            found.wrong[vector][lane] = controls & !(breaks | block.equal(b'\t')).bits();
        }
        self.opening[vector][lane] = folded.equal(b'{').bits();
        self.closing[vector][lane] = folded.equal(b'}').bits();
        self.curly[vector][lane] = block.has_bit(5).bits();
        self.commas[vector][lane] = block.equal(b',').bits();
        self.colons[vector][lane] = block.equal(b':').bits();
        self.digits[vector][lane] = block.within(b'0', b'9').bits();
        self.zeros[vector][lane] = block.equal(b'0').bits();
        self.minus[vector][lane] = block.equal(b'-').bits();
        self.points[vector][lane] = block.equal(b'.').bits();
        self.quotes[vector][lane] = block.equal(b'"').bits() & !texts.look(block, n, row)?;
        Some(())
    }
}
