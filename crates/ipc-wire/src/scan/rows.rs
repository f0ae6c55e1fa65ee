//! The scanner's way through large containers: 512 bytes at a time, whatever they are, or 2,048 where
//! vectors are wide and the container is not small.
//!
//! What each byte is by itself is found by vector instructions (`classes.rs`). The rest is
//! arithmetic on rows of bits (`row.rs`), one bit a byte: which bytes are within texts
//! (`texts.rs`), which container they are in (`nesting.rs`), whether numbers and literals are
//! right (`scalars.rs`), and whether everything follows what it may follow (`order.rs`). Each of
//! these keeps what the next row has to know.
//!
//! A row is right or it is not. If it is not, or its end is cut, the other ways go through it, from
//! the state in which it begins.
//!
//! All of it is one function with the processor's instructions, but not in debug builds: there it
//! would need a stack of more than a megabyte.

mod classes;
mod nesting;
mod order;
mod scalars;
mod stretch;
#[cfg(test)]
mod tests;
mod texts;

use crate::{
    block::Blocks,
    row::{Row, WIDE},
    scan::{
        Scanner, State,
        rows::{
            classes::Classes,
            nesting::{Brackets, Nesting},
            order::Order,
            scalars::Scalars,
            stretch::Stretch,
            texts::Texts,
        },
    },
};

/// A row with fewer commas and colons a vector is sparse: long texts are gone through faster by
/// words.
const DENSE_SEPARATORS: usize = 16;

/// How many rows have one vector before they have more: a wide row takes long for the end of a
/// container, which hardly matters behind these.
const N_NARROW: usize = 8;

/// How far words go behind a sparse row before rows are tried again.
const SPARSE_BYTES: usize = 8 * 1024;

/// How far words go behind rows that ended for another reason.
const PAUSE_BYTES: usize = 512;

impl Scanner {
    /// Goes on through a container of the top level, from a value in it on, row by row: until it
    /// ends, or a row is sparse, not right, or not whole.
    #[inline(always)]
    pub(super) fn read_rows<B: Blocks>(&mut self, blocks: B, message: &[u8]) {
        #[expect(clippy::cast_possible_truncation, reason = "only so deep is gone here")]
        let containers = self.containers as u64;
        let mut walk = Walk {
            position: self.position,
            texts: Texts::default(),
            nesting: Nesting::new(containers, self.max_depth),
            scalars: Scalars::default(),
            order: Order::value(),
            has_line_breaks: false,
        };
        let passed = walk.go(blocks, message);
        (self.state, self.position) = walk.state(message);
        (self.depth, self.containers) = (walk.nesting.depth(), walk.nesting.containers().into());
        self.envelope.has_line_breaks |= walk.has_line_breaks;
        let n_words_bytes = match passed {
            Some(Passed::Sparse) => SPARSE_BYTES,
            _ => PAUSE_BYTES,
        };
        self.rows_from = self.position + n_words_bytes;
    }
}

/// A row that is right.
enum Passed {
    Dense,
    Sparse,
    /// The container ends there, after so many bytes.
    End(usize),
}

/// Where the way through a container is: between two rows.
#[derive(Clone, Copy)]
struct Walk {
    position: usize,
    texts: Texts,
    nesting: Nesting,
    scalars: Scalars,
    order: Order,
    has_line_breaks: bool,
}

impl Walk {
    /// Goes on up to the end, or a sparse row; which of these it was. Nothing, if the next row is not
    /// right or not whole.
    #[inline(always)]
    fn go<B: Blocks>(&mut self, blocks: B, message: &[u8]) -> Option<Passed> {
        let has_wide = B::ROW_VECTORS == WIDE;
        let mut n_narrow = if has_wide { N_NARROW } else { usize::MAX };
        loop {
            let passed = self.rows::<_, 1>(blocks, message, n_narrow)?;
            if !has_wide || !matches!(passed, Passed::Dense) {
                return Some(passed);
            }
            let passed = self.rows::<_, WIDE>(blocks, message, usize::MAX);
            if passed.is_some() {
                return passed;
            }
            n_narrow = usize::MAX;
        }
    }

    /// Goes on by so many rows of `N` vectors, or up to the end or a sparse one; what the last one
    /// was. Nothing, if the next one is not right or not whole.
    #[inline(always)]
    fn rows<B: Blocks, const N: usize>(
        &mut self,
        blocks: B,
        message: &[u8],
        n_rows: usize,
    ) -> Option<Passed> {
        let mut padded = Stretch::<1>::PADDING;
        let mut classes = Classes::<N>::BLANK;
        for _ in 0..n_rows {
            let rest = message.get(self.position..)?;
            // Only one of a single vector may be shorter, if the container ends in it.
            if 1 < N && rest.len() < Stretch::<N>::BYTES {
                return None;
            }
            let stretch = Stretch::new(rest, &mut padded);
            match self.step(blocks, stretch, &mut classes)? {
                Passed::Dense => {}
                passed => return Some(passed),
            }
        }
        Some(Passed::Dense)
    }

    /// Goes on by a row, if it is right and whole.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn step<B: Blocks, const N: usize>(
        &mut self,
        blocks: B,
        stretch: Stretch<'_, N>,
        classes: &mut Classes<N>,
    ) -> Option<Passed> {
        let mut next = *self;
        let passed = next.row(blocks, stretch, classes)?;
        *self = match passed {
            Passed::End(len) => next.after_end(len),
            _ if stretch.rest.len() < Stretch::<N>::ROW_BYTES => return None,
            _ => {
                next.position += Stretch::<N>::ROW_BYTES;
                next
            }
        };
        Some(passed)
    }

    /// Goes through a row; nothing, if it is not right.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn row<B: Blocks, const N: usize>(
        &mut self,
        blocks: B,
        stretch: Stretch<'_, N>,
        classes: &mut Classes<N>,
    ) -> Option<Passed> {
        classes.fill(blocks, stretch, &mut self.texts)?;
        let bits = |words| blocks.row(words);
        let texts = self.texts.next(bits(&classes.quotes));
        let outside = !texts.bytes;
        let spaces = bits(&classes.spaces) & outside;
        let opening = bits(&classes.opening) & outside;
        let closing = bits(&classes.closing) & outside;
        let commas = bits(&classes.commas) & outside;
        let colons = bits(&classes.colons) & outside;
        let curly = bits(&classes.curly);

        let brackets = Brackets {
            opening,
            closing,
            curly,
        };
        let nesting = self.nesting.next(blocks, brackets)?;
        let live = nesting.live;

        let scalars = outside & !(spaces | opening | closing | commas | colons) & live;
        let scalars = self.scalars.next(blocks, classes, stretch, scalars)?;
        let errors = self.order.next(&order::Words {
            texts: texts.without_ends,
            text_starts: texts.starts,
            scalar_starts: scalars.starts,
            opening,
            closing,
            curly,
            commas,
            colons,
            spaces,
            objects: nesting.objects,
        });
        let mismatches = closing & (curly ^ nesting.objects);
        let mut errors = errors | scalars.errors | mismatches;
        if let Some(controls) = &classes.controls {
            self.has_line_breaks |= (bits(&controls.breaks) & live).any();
            errors = errors | bits(&controls.all) & texts.bytes | bits(&controls.wrong);
        }
        if (errors & live).any() {
            return None;
        }
        let separators = (commas | colons).words();
        let n_separators: usize = separators
            .as_flattened()
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum();
        Some(match nesting.end {
            Some(len) => Passed::End(len),
            None if n_separators < DENSE_SEPARATORS * N => Passed::Sparse,
            None => Passed::Dense,
        })
    }

    /// The place behind the container, which ends after so many bytes.
    fn after_end(self, len: usize) -> Self {
        Self {
            position: self.position + len,
            texts: Texts::default(),
            scalars: Scalars::default(),
            order: Order::default(),
            ..self
        }
    }

    /// The state in which the other ways go on, and where.
    fn state(&self, message: &[u8]) -> (State, usize) {
        let (state, n_known) = if self.texts.is_within() {
            (self.order.text_state(), self.texts.n_known())
        } else if let Some(state) = self.order.state() {
            (state, 0)
        } else {
            let rest = message.get(self.position..);
            self.scalars.state(rest.unwrap_or_default())
        };
        (state, self.position + n_known)
    }
}
