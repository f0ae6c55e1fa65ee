//! The bytes that a row stands for.

use crate::{block::BLOCK_BYTES, row::LANES};

/// The bytes of a row of `N` vectors, and those that follow.
#[derive(Clone, Copy)]
pub(super) struct Stretch<'m, const N: usize> {
    /// The row, and as many bytes more as a literal may need that begins in it.
    pub(super) bytes: &'m [u8],
    /// All that there is from the row on, which may be less.
    pub(super) rest: &'m [u8],
}

/// `false` and what follows it, in a round number.
const LITERAL_BYTES: usize = 8;

impl<'m, const N: usize> Stretch<'m, N> {
    /// How many bytes a row stands for.
    pub(super) const ROW_BYTES: usize = N * LANES * BLOCK_BYTES;

    /// How many bytes have to be there for a row.
    pub(super) const BYTES: usize = Self::ROW_BYTES + LITERAL_BYTES;

    /// What is at the front of `rest`. What that lacks of a row is blank, and what else it lacks
    /// belongs to no literal and ends none.
    #[inline(always)]
    pub(super) fn new(rest: &'m [u8], padded: &'m mut Padded) -> Self {
        let bytes = rest.get(..Self::BYTES).unwrap_or_else(
            #[inline(always)]
            || {
                *padded = Stretch::PADDING;
                padded[..rest.len()].copy_from_slice(rest);
                padded
            },
        );
        Self { bytes, rest }
    }

    /// The row.
    #[inline(always)]
    pub(super) fn blocks(self) -> &'m [[u8; BLOCK_BYTES]] {
        let (blocks, _) = self.bytes[..Self::ROW_BYTES].as_chunks();
        blocks
    }
}

/// The bytes of one row of one vector: others are whole.
pub(super) type Padded = [u8; Stretch::<1>::BYTES];

impl Stretch<'_, 1> {
    /// Bytes where there are none.
    pub(super) const PADDING: Padded = {
        let mut bytes = [b' '; _];
        let mut position = Self::ROW_BYTES;
        while position < Self::BYTES {
            bytes[position] = b'x';
            position += 1;
        }
        bytes
    };
}
