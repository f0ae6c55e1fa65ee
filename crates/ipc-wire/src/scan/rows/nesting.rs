//! Which containers the bytes of a row are in.

use crate::{block::BLOCK_BYTES, row::ROW_WORDS, scan::words::FAST_DEPTH};

/// The containers that are open where a row begins: one bit each, the innermost lowest, set for
/// an object. The outermost is the message, an object; so the highest bit tells how many there
/// are.
#[derive(Clone, Copy)]
pub(super) struct Nesting(u64);

/// The nesting of a row.
pub(super) struct Found {
    /// The bytes whose innermost container is an object.
    pub(super) objects: [u64; ROW_WORDS],
    /// The bytes up to the end of the container of the top level.
    pub(super) live: [u64; ROW_WORDS],
    /// How many those are, if it ends.
    pub(super) end: Option<usize>,
}

impl Nesting {
    pub(super) fn new(containers: u64) -> Self {
        Self(containers)
    }

    pub(super) fn containers(self) -> u64 {
        self.0
    }

    pub(super) fn depth(self) -> u32 {
        u64::BITS - self.0.leading_zeros()
    }

    #[inline(always)]
    pub(super) fn next(
        &mut self,
        opening: &[u64; ROW_WORDS],
        closing: &[u64; ROW_WORDS],
        curly: &[u64; ROW_WORDS],
        max_depth: u32,
    ) -> Option<Found> {
        let mut open = self.0;
        let mut deepest = 0;
        let mut mismatches = 0;
        let mut found = Found {
            objects: [0; ROW_WORDS],
            live: [!0; ROW_WORDS],
            end: None,
        };
        'row: for n in 0..ROW_WORDS {
            let mut objects = fill(open);
            let mut brackets = opening[n] | closing[n];
            while brackets != 0 {
                let at = brackets.trailing_zeros();
                brackets &= brackets - 1;
                let is_curly = curly[n] >> at & 1;
                let is_opening = opening[n] >> at & 1;
                mismatches |= (open ^ is_curly) & !is_opening;
                open = if is_opening == 1 {
                    open << 1 | is_curly
                } else {
                    open >> 1
                };
                deepest |= open;
                let behind = !1 << at;
                objects = objects & !behind | fill(open) & behind;
                if open == 1 {
                    found.end = Some(n * BLOCK_BYTES + at as usize + 1);
                    found.live[n] = !behind;
                    found.live[n + 1..].fill(0);
                    found.objects[n] = objects;
                    break 'row;
                }
            }
            found.objects[n] = objects;
        }
        self.0 = open;
        let is_right = mismatches & 1 == 0 && deepest >> max_depth.min(FAST_DEPTH) == 0;
        is_right.then_some(found)
    }
}

/// All bits as the lowest.
#[inline(always)]
fn fill(bits: u64) -> u64 {
    (bits & 1).wrapping_neg()
}
