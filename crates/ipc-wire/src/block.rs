//! Sixty-four bytes looked at together: in a vector where the processor has them, which is found out
//! at run time, and as eight numbers everywhere else.
//!
//! A [`Block`] answers a question about each of its bytes, with one bit a byte, so whatever asks
//! is written once. It asks within [`Blocks::run`], where the processor's instructions may be
//! used; everything on the way there has to be inlined.

use std::ops::BitOr;

#[cfg(target_arch = "aarch64")]
use fearless_simd::Neon;
#[cfg(target_arch = "x86_64")]
use fearless_simd::{Avx2, Avx512, Sse4_2};
use fearless_simd::{Simd, SimdBase, SimdMask, mask8x64, u8x16, u8x64};

use crate::row::{PlainRow, Row, VectorRow, WIDE, Words};

/// How many bytes a block has.
pub(crate) const BLOCK_BYTES: usize = 64;

/// What a processor may look at blocks with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Instructions {
    #[cfg(target_arch = "x86_64")]
    Avx512(Vectors<Avx512>),
    #[cfg(target_arch = "x86_64")]
    Avx2(Vectors<Avx2>),
    #[cfg(target_arch = "x86_64")]
    Sse4_2(Vectors<Sse4_2>),
    #[cfg(target_arch = "aarch64")]
    Neon(Vectors<Neon>),
    Scalar(Scalar),
}

impl Instructions {
    pub(crate) const SCALAR: Self = Self::Scalar(Scalar);

    /// All that this processor has, the best first.
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        let level = fearless_simd::Level::new();
        #[cfg(target_arch = "x86_64")]
        let vectors = [
            level.as_avx512().map(|simd| Self::Avx512(Vectors(simd))),
            level.as_avx2().map(|simd| Self::Avx2(Vectors(simd))),
            level.as_sse4_2().map(|simd| Self::Sse4_2(Vectors(simd))),
        ];
        #[cfg(target_arch = "aarch64")]
        let vectors = [level.as_neon().map(|simd| Self::Neon(Vectors(simd)))];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let vectors: [Option<Self>; 0] = [];
        vectors.into_iter().flatten().chain([Self::SCALAR])
    }
}

/// Does something with these instructions' blocks, in a function that may use the instructions.
macro_rules! with_blocks {
    ($instructions:expr, $blocks:ident => $work:expr) => {{
        use $crate::block::{Blocks as _, Instructions};

        match $instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512($blocks) => $blocks.run(
                #[inline(always)]
                || $work,
            ),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2($blocks) => $blocks.run(
                #[inline(always)]
                || $work,
            ),
            #[cfg(target_arch = "x86_64")]
            Instructions::Sse4_2($blocks) => $blocks.run(
                #[inline(always)]
                || $work,
            ),
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon($blocks) => $blocks.run(
                #[inline(always)]
                || $work,
            ),
            Instructions::Scalar($blocks) => $blocks.run(
                #[inline(always)]
                || $work,
            ),
        }
    }};
}

pub(crate) use with_blocks;

/// The instructions that blocks are looked at with.
pub(crate) trait Blocks: Copy {
    type Block: Block;
    type Row<const N: usize>: Row<Words = Words<N>>;

    /// How many vectors the rows have by which large containers are read; none, if words are faster.
    const ROW_VECTORS: usize;

    fn load(self, bytes: &[u8; BLOCK_BYTES]) -> Self::Block;

    /// The row of these words, the first one's bits the lowest.
    fn row<const N: usize>(self, words: &Words<N>) -> Self::Row<N>;

    /// Runs work that uses these instructions, as a function of its own.
    fn run<R>(self, work: impl FnOnce() -> R) -> R;
}

/// The bytes of a block.
pub(crate) trait Block: Copy {
    type Marks: Marks;

    /// Which bytes are this one.
    fn equal(self, byte: u8) -> Self::Marks;

    /// The block with these bits set in each byte.
    fn with_bits(self, bits: u8) -> Self;

    /// Which bytes have this bit, counted from the lowest.
    fn has_bit(self, bit: u32) -> Self::Marks;

    /// Which bytes are the one of `table` at the place that their four lowest bits tell.
    fn at_place_in(self, table: &[u8; 16]) -> Self::Marks;

    /// Which bytes are in this range, both ends included.
    fn within(self, first: u8, last: u8) -> Self::Marks;
}

/// What was found of each byte of a block.
pub(crate) trait Marks: Copy + BitOr<Output = Self> {
    /// One bit a byte: the first byte's is the lowest.
    fn bits(self) -> u64;
}

/// Instructions for vectors.
#[cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64")),
    allow(dead_code, reason = "only these have vectors whatever they run on")
)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vectors<S>(S);

impl<S: Simd> Blocks for Vectors<S> {
    type Block = u8x64<S>;
    type Row<const N: usize> = VectorRow<S, N>;

    const ROW_VECTORS: usize = match S::u8s::LEN {
        // Registers of 64 bytes, and enough of them.
        64 => WIDE,
        32 => 1,
        _ => 0,
    };

    #[inline(always)]
    fn load(self, bytes: &[u8; BLOCK_BYTES]) -> u8x64<S> {
        u8x64::from_slice(self.0, bytes)
    }

    #[inline(always)]
    fn row<const N: usize>(self, words: &Words<N>) -> VectorRow<S, N> {
        VectorRow::new(self.0, words)
    }

    #[inline(always)]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        self.0.vectorize(work)
    }
}

impl<S: Simd> Block for u8x64<S> {
    type Marks = mask8x64<S>;

    #[inline(always)]
    fn equal(self, byte: u8) -> mask8x64<S> {
        self.simd_eq(byte)
    }

    #[inline(always)]
    fn with_bits(self, bits: u8) -> Self {
        self | bits
    }

    #[inline(always)]
    fn has_bit(self, bit: u32) -> mask8x64<S> {
        (self & (1_u8 << bit)).simd_eq(1_u8 << bit)
    }

    #[inline(always)]
    fn at_place_in(self, table: &[u8; 16]) -> mask8x64<S> {
        let table = Self::block_splat(u8x16::from_slice(self.simd, table));
        table.swizzle_dyn_within_blocks(self & 0xF).simd_eq(self)
    }

    #[inline(always)]
    fn within(self, first: u8, last: u8) -> mask8x64<S> {
        // From `first` on, counted around, the range is what is not above its length.
        (self - first).simd_le(last - first)
    }
}

impl<S: Simd> Marks for mask8x64<S> {
    #[inline(always)]
    fn bits(self) -> u64 {
        self.to_bitmask()
    }
}

/// No instructions but those every processor has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scalar;

impl Blocks for Scalar {
    type Block = Chunk;
    type Row<const N: usize> = PlainRow<N>;

    const ROW_VECTORS: usize = 0;

    #[inline(always)]
    fn load(self, bytes: &[u8; BLOCK_BYTES]) -> Chunk {
        let (words, _) = bytes.as_chunks();
        Chunk(std::array::from_fn(|n| u64::from_le_bytes(words[n])))
    }

    #[inline(always)]
    fn row<const N: usize>(self, words: &Words<N>) -> PlainRow<N> {
        PlainRow(*words)
    }

    #[inline(never)]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }
}

/// A block in words of eight bytes, or the highest bits of its bytes as marks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk([u64; BLOCK_BYTES / 8]);

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

/// Marks the bytes of a word that are not below this one.
#[inline(always)]
fn at_least(word: u64, byte: u8) -> u64 {
    // No sum leaves its byte, for its sides are at most 0x7F and 0x80.
    let low = word & !HIGHS;
    if byte <= 0x80 {
        ((low + ONES * u64::from(0x80 - byte)) | word) & HIGHS
    } else {
        (low + ONES * (0x100 - u64::from(byte))) & word & HIGHS
    }
}

impl Block for Chunk {
    type Marks = Self;

    #[inline(always)]
    fn equal(self, byte: u8) -> Self {
        let differs = |word: u64| at_least(word ^ (ONES * u64::from(byte)), 1);
        Self(self.0.map(|word| !differs(word) & HIGHS))
    }

    #[inline(always)]
    fn has_bit(self, bit: u32) -> Self {
        Self(self.0.map(|word| word << (7 - bit) & HIGHS))
    }

    #[inline(always)]
    fn with_bits(self, bits: u8) -> Self {
        Self(self.0.map(|word| word | (ONES * u64::from(bits))))
    }

    #[inline(always)]
    fn at_place_in(self, table: &[u8; 16]) -> Self {
        Self(self.0.map(|word| {
            let marks = word
                .to_le_bytes()
                .map(|byte| u8::from(byte == table[usize::from(byte & 0xF)]) << 7);
            u64::from_le_bytes(marks)
        }))
    }

    #[inline(always)]
    fn within(self, first: u8, last: u8) -> Self {
        let above = |word| last.checked_add(1).map_or(0, |byte| at_least(word, byte));
        Self(self.0.map(|word| at_least(word, first) & !above(word)))
    }
}

impl Marks for Chunk {
    #[inline(always)]
    fn bits(self) -> u64 {
        // The product gathers the eight marks in its highest byte, where no two of them meet.
        let gather = |word: u64| word.wrapping_mul(0x0002_0408_1020_4081) >> 56;
        let words = self.0.iter().rev();
        words.fold(0, |bits, &word| bits << 8 | gather(word))
    }
}

impl BitOr for Chunk {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(std::array::from_fn(|n| self.0[n] | other.0[n]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Checks a block's answers byte by byte, with all instructions there are.
    fn check(bytes: [u8; BLOCK_BYTES], first: u8, last: u8) {
        for instructions in Instructions::available() {
            with_blocks!(instructions, blocks => check_with(blocks, bytes, first, last));
        }
    }

    #[inline(always)]
    fn check_with(blocks: impl Blocks, bytes: [u8; BLOCK_BYTES], first: u8, last: u8) {
        let expected = |is: &dyn Fn(u8) -> bool| {
            let bits = bytes.iter().enumerate();
            bits.fold(0, |bits, (n, &byte)| bits | u64::from(is(byte)) << n)
        };
        let block = blocks.load(&bytes);
        assert_eq!(block.equal(first).bits(), expected(&|byte| byte == first));
        let range = first.min(last)..=first.max(last);
        let within = block.within(*range.start(), *range.end());
        assert_eq!(within.bits(), expected(&|byte| range.contains(&byte)));
        assert_eq!(block.has_bit(5).bits(), expected(&|byte| byte & 0x20 != 0));
        let folded = block.with_bits(0x20).equal(first).bits();
        assert_eq!(folded, expected(&|byte| byte | 0x20 == first));
        let either = (within | block.equal(last)).bits();
        assert_eq!(
            either,
            expected(&|byte| byte == last || range.contains(&byte))
        );
    }

    #[test]
    fn every_byte_is_where_its_value_says_in_every_range() {
        for first in 0..=u8::MAX {
            for byte in (0..=u8::MAX).step_by(BLOCK_BYTES) {
                let bytes = std::array::from_fn(|n| byte | u8::try_from(n).unwrap());
                for last in [0, 1, 0x1f, 0x7f, 0x80, 0x81, 0xbf, 0xfe, 0xff, first] {
                    check(bytes, first, last);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_byte_matters_for_another(
            bytes in prop::collection::vec(any::<u8>(), BLOCK_BYTES),
            first: u8,
            last: u8,
        ) {
            check(bytes.try_into().unwrap(), first, last);
        }
    }
}
