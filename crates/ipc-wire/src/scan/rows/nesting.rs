//! Which containers the bytes of a row are in.

use crate::{
    block::{BLOCK_BYTES, Blocks},
    row::{LANES, Row, Words},
    scan::words::FAST_DEPTH,
};

/// What the next row has to know of containers.
#[derive(Clone, Copy)]
pub(super) struct Nesting {
    /// Those that are open: one bit each, the innermost lowest, set for an object. The outermost is
    /// the message, an object; so the highest bit tells how many there are.
    open: u64,
    /// How many may be.
    max_depth: u32,
}

/// The deepest level that a row may begin at, so that there are some above it.
const DEEPEST_FIRST: usize = 5;

/// The brackets of a row; those of objects are `curly`.
#[derive(Clone, Copy)]
pub(super) struct Brackets<R> {
    pub(super) opening: R,
    pub(super) closing: R,
    pub(super) curly: R,
}

/// The nesting of a row.
pub(super) struct Found<R> {
    /// The bytes whose innermost container is an object; brackets count as outside of their own
    /// container when they open it, and as inside when they close it.
    pub(super) objects: R,
    /// The bytes up to the end of the container of the top level.
    pub(super) live: R,
    /// How many those are, if it ends.
    pub(super) end: Option<usize>,
}

impl Nesting {
    pub(super) fn new(containers: u64, max_depth: u32) -> Self {
        Self {
            open: containers,
            max_depth: max_depth.min(FAST_DEPTH),
        }
    }

    pub(super) fn containers(self) -> u64 {
        self.open
    }

    pub(super) fn depth(self) -> u32 {
        u64::BITS - self.open.leading_zeros()
    }

    #[inline(always)]
    pub(super) fn next<B: Blocks, const N: usize>(
        &mut self,
        blocks: B,
        brackets: Brackets<B::Row<N>>,
    ) -> Option<Found<B::Row<N>>> {
        if N == 1 {
            self.one_by_one(blocks, brackets)
        } else if let Some(found) = self.by_levels::<_, N, 2>(blocks, brackets) {
            Some(found)
        } else {
            self.by_levels::<_, N, 3>(blocks, brackets)
        }
    }

    /// Looks at all brackets of each level together; nothing, if there are more levels than a number
    /// of so many bits tells.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn by_levels<B: Blocks, const N: usize, const N_BITS: usize>(
        &mut self,
        blocks: B,
        brackets: Brackets<B::Row<N>>,
    ) -> Option<Found<B::Row<N>>> {
        let n_levels = 1 << N_BITS;
        let n_outer = self.depth() as usize - 2;
        let first = n_outer.min(DEEPEST_FIRST) % n_levels;
        let levels = Levels::<_, N_BITS>::new(brackets, first);
        let n_higher = n_levels - 1 - first;
        if self.max_depth as usize <= self.depth() as usize + n_higher {
            return None;
        }
        let none = blocks.row(&[[0; LANES]; N]);
        let (mut live, mut end) = (!none, None);
        if levels.below.any() {
            // Below zero is the end, if zero is the level of the top level's container.
            let (words, len) = up_to_first(levels.below.words());
            (live, end) = (blocks.row(&words), Some(len));
        }
        if (levels.above & live).any() || end.is_some() && first != n_outer {
            return None;
        }
        let mut objects = none;
        let mut outer = none;
        // The lowest bit is that of the highest level.
        let mut open = self.open << n_higher;
        for n in 0..n_levels {
            let level = levels.bytes(n);
            let entering = brackets.opening & outer;
            outer = level;
            if !(level | entering).any() {
                continue;
            }
            let bit = n_levels - 1 - n;
            let mut is_object = open >> bit & 1 == 1;
            // The sum carries each object's bit to the next array.
            let arrays = entering & !brackets.curly;
            let others = (!arrays).plus(entering & brackets.curly, &mut is_object);
            objects = objects | level & !others;
            open = open & !(1 << bit) | u64::from(is_object) << bit;
        }
        self.open = match end {
            Some(_) => 1,
            None => open >> (n_levels - 1 - levels.last),
        };
        Some(Found { objects, live, end })
    }

    /// Looks at one bracket after the other, up to the end of the container of the top level.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn one_by_one<B: Blocks, const N: usize>(
        &mut self,
        blocks: B,
        brackets: Brackets<B::Row<N>>,
    ) -> Option<Found<B::Row<N>>> {
        let words = [brackets.opening, brackets.closing, brackets.curly].map(Row::words);
        let [opening, closing, curly] = words.each_ref().map(|words| words.as_flattened());
        let (mut objects, mut live) = ([[0; LANES]; N], [[!0; LANES]; N]);
        let mut open = self.open;
        let mut deepest = 0;
        let mut end = None;
        'row: for n in 0..N * LANES {
            let mut in_object = fill(open);
            let mut brackets = opening[n] | closing[n];
            while brackets != 0 {
                let at = brackets.trailing_zeros();
                brackets &= brackets - 1;
                open = if opening[n] >> at & 1 == 1 {
                    open << 1 | curly[n] >> at & 1
                } else {
                    open >> 1
                };
                deepest |= open;
                let behind = !1 << at;
                in_object = in_object & !behind | fill(open) & behind;
                if open == 1 {
                    end = Some(n * BLOCK_BYTES + at as usize + 1);
                    let live = live.as_flattened_mut();
                    live[n] = !behind;
                    live[n + 1..].fill(0);
                    objects.as_flattened_mut()[n] = in_object;
                    break 'row;
                }
            }
            objects.as_flattened_mut()[n] = in_object;
        }
        self.open = open;
        (deepest >> self.max_depth == 0).then(|| Found {
            objects: blocks.row(&objects),
            live: blocks.row(&live),
            end,
        })
    }
}

/// The levels of a row's bytes, in binary; a closing bracket is still in the container's, an opening
/// one not yet.
struct Levels<R, const N_BITS: usize> {
    bits: [R; N_BITS],
    /// The level behind the row.
    last: usize,
    /// The brackets that lead below zero.
    below: R,
    /// Those that lead above the last level.
    above: R,
}

impl<R: Row, const N_BITS: usize> Levels<R, N_BITS> {
    /// Counts the brackets from this level on, around and around.
    #[inline(always)]
    fn new(brackets: Brackets<R>, first: usize) -> Self {
        let (mut up, mut down) = (brackets.opening, brackets.closing);
        let mut bits = [up; N_BITS];
        let mut last = 0;
        for (n, bits) in bits.iter_mut().enumerate() {
            let changes = up | down;
            let mut is_set = first >> n & 1 == 1;
            *bits = changes.odd(&mut is_set) ^ changes;
            last |= usize::from(is_set) << n;
            // What carries, and what borrows.
            (up, down) = (up & *bits, down & !*bits);
        }
        Self {
            bits,
            last,
            below: down,
            above: up,
        }
    }

    #[inline(always)]
    fn bytes(&self, level: usize) -> R {
        let mut others = self.bits[0] & !self.bits[0];
        for (n, &bits) in self.bits.iter().enumerate() {
            others = others | if level >> n & 1 == 1 { !bits } else { bits };
        }
        !others
    }
}

/// All bits up to the first that is set, and how many those are.
#[inline(always)]
fn up_to_first<const N: usize>(mut words: Words<N>) -> (Words<N>, usize) {
    let words_before = words.as_flattened_mut();
    let n = words_before.iter().take_while(|&&word| word == 0).count();
    let mut len = n * BLOCK_BYTES;
    if let Some((last, behind)) = words_before.get_mut(n..).and_then(<[u64]>::split_first_mut) {
        len += last.trailing_zeros() as usize + 1;
        *last ^= *last - 1;
        behind.fill(0);
    }
    words.as_flattened_mut()[..n].fill(!0);
    (words, len)
}

/// All bits as the lowest.
#[inline(always)]
fn fill(bits: u64) -> u64 {
    (bits & 1).wrapping_neg()
}
