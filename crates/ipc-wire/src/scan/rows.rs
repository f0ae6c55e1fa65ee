//! The scanner's way through large containers: 512 bytes at a time, or 2,048 where vectors are wide,
//! whatever they are.
//!
//! What each byte is by itself is found by vector instructions (`classes.rs`). The rest is
//! arithmetic on rows of bits (`row.rs`), one bit a byte: which bytes are within texts
//! (`texts.rs`), which container they are in (`nesting.rs`), whether numbers and literals are
//! right (`scalars.rs`), and whether everything follows what it may follow (`order.rs`). Each of
//! these keeps what the next row has to know.
//!
//! A row is right or it is not. If it is not, or its end is cut, the other ways go through it, from
//! the state in which it begins.

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
            nesting: Nesting::new(containers),
            scalars: Scalars::default(),
            order: Order::value(),
            has_line_breaks: false,
        };
        let mut passed = Passed::Dense;
        if B::ROW_VECTORS == WIDE {
            passed = walk.rows::<_, WIDE>(blocks, message, self.max_depth);
        }
        if matches!(passed, Passed::Dense) {
            passed = walk.rows::<_, 1>(blocks, message, self.max_depth);
        }
        (self.state, self.position) = walk.state(message);
        (self.depth, self.containers) = (walk.nesting.depth(), walk.nesting.containers().into());
        self.envelope.has_line_breaks |= walk.has_line_breaks;
        let n_words_bytes = match passed {
            Passed::Sparse => SPARSE_BYTES,
            Passed::Dense | Passed::End(_) => PAUSE_BYTES,
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
    /// Goes on by rows of `N` vectors, as long as they are right and whole; what the last one was.
    #[inline(always)]
    fn rows<B: Blocks, const N: usize>(
        &mut self,
        blocks: B,
        message: &[u8],
        max_depth: u32,
    ) -> Passed {
        // A shorter row may be the last, if the container ends in it.
        let may_be_row = |position| N == 1 || position + Stretch::<N>::BYTES <= message.len();
        if !may_be_row(self.position) {
            return Passed::Dense;
        }
        let mut padded = Stretch::<1>::PADDING;
        let mut classes = Classes::<N>::BLANK;
        while may_be_row(self.position)
            && let Some(rest) = message.get(self.position..)
        {
            let mut next = *self;
            let stretch = Stretch::new(rest, &mut padded);
            match next.row(blocks, stretch, &mut classes, max_depth) {
                Some(Passed::End(len)) => {
                    *self = next.after_end(len);
                    return Passed::End(len);
                }
                Some(passed) if Stretch::<N>::ROW_BYTES <= rest.len() => {
                    next.position += Stretch::<N>::ROW_BYTES;
                    *self = next;
                    if matches!(passed, Passed::Sparse) {
                        return passed;
                    }
                }
                _ => break,
            }
        }
        Passed::Dense
    }

    /// Goes through a row; nothing, if it is not right.
    #[inline(always)]
    fn row<B: Blocks, const N: usize>(
        &mut self,
        blocks: B,
        stretch: Stretch<'_, N>,
        classes: &mut Classes<N>,
        max_depth: u32,
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
        let nesting = self.nesting.next(blocks, brackets, max_depth)?;
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
