//! Numbers of 512 bits, one bit for each byte of a piece of a message: the first byte's is the
//! lowest.
//!
//! What concerns each byte alone is a logical operation on such numbers. What leads from a byte to
//! the next is a shift, and what leads over any number of them an addition, whose carry runs
//! through them. Both take in what came before the row, and give out what goes on behind it.

use std::ops::{BitAnd, BitOr, BitXor, Not};

use fearless_simd::{Select, Simd, SimdBase, SimdMask, mask64x8, u64x8};

/// How many words a row has.
pub(crate) const ROW_WORDS: usize = 8;

/// One bit for each byte of a stretch.
pub(crate) trait Row:
    Copy + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self> + Not<Output = Self>
{
    fn words(self) -> [u64; ROW_WORDS];

    /// Whether any bit is set.
    fn any(self) -> bool;

    /// All bits one place on. `carry` is the bit that comes in, and then the one that goes out.
    fn next(self, carry: &mut bool) -> Self;

    /// The sum. `carry` is what comes in, and then what goes out.
    fn plus(self, other: Self, carry: &mut bool) -> Self;

    /// For each bit, whether the number of ones up to it is odd. `carry` is whether there was an
    /// odd number before, and then whether there was one at the end.
    fn odd(self, carry: &mut bool) -> Self;
}

/// Which lanes get a carry in, if it goes out of some and through others; and whether it goes out
/// of the last.
#[inline(always)]
fn carries(out: u64, through: u64, carry: bool) -> (u64, bool) {
    // A sum of eight bits in which the carry runs as it does between lanes.
    let sum = (out << 1 | u64::from(carry)) + through;
    let lanes = sum ^ through;
    (lanes & 0xFF, lanes >> ROW_WORDS & 1 == 1)
}

/// The same for parities: which lanes have an odd number of ones before them.
#[inline(always)]
fn odd_lanes(odd: u64, carry: bool) -> (u64, bool) {
    let mut upto = odd ^ odd << 1;
    upto ^= upto << 2;
    upto ^= upto << 4;
    let before = if carry { !(upto << 1) } else { upto << 1 };
    (before & 0xFF, before >> ROW_WORDS & 1 == 1)
}

impl<S: Simd> Row for u64x8<S> {
    #[inline(always)]
    fn words(self) -> [u64; ROW_WORDS] {
        let mut words = [0; ROW_WORDS];
        words.copy_from_slice(self.as_slice());
        words
    }

    #[inline(always)]
    fn any(self) -> bool {
        self.simd_eq(0).to_bitmask() != 0xFF
    }

    #[inline(always)]
    fn next(self, carry: &mut bool) -> Self {
        let last = self >> 63;
        let first = Self::splat(self.simd, u64::from(*carry));
        *carry = self.as_slice()[ROW_WORDS - 1] >> 63 == 1;
        self << 1 | first.slide::<7>(last)
    }

    #[inline(always)]
    fn plus(self, other: Self, carry: &mut bool) -> Self {
        let sum = self + other;
        let out = sum.simd_lt(self).to_bitmask();
        let through = sum.simd_eq(u64::MAX).to_bitmask();
        let (lanes, last) = carries(out, through, *carry);
        *carry = last;
        let simd = self.simd;
        let ones =
            mask64x8::from_bitmask(simd, lanes).select(Self::splat(simd, 1), Self::splat(simd, 0));
        sum + ones
    }

    #[inline(always)]
    fn odd(self, carry: &mut bool) -> Self {
        let mut bits = self ^ self << 1;
        bits = bits ^ bits << 2;
        bits = bits ^ bits << 4;
        bits = bits ^ bits << 8;
        bits = bits ^ bits << 16;
        bits = bits ^ bits << 32;
        let odd = bits.simd_ge(1 << 63).to_bitmask();
        let (lanes, last) = odd_lanes(odd, *carry);
        *carry = last;
        let simd = self.simd;
        let flip = mask64x8::from_bitmask(simd, lanes)
            .select(Self::splat(simd, u64::MAX), Self::splat(simd, 0));
        bits ^ flip
    }
}

/// A row in words of 64 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainRow(pub(crate) [u64; ROW_WORDS]);

impl PlainRow {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|n| f(self.0[n], other.0[n])))
    }
}

impl BitAnd for PlainRow {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        self.zip(other, |a, b| a & b)
    }
}

impl BitOr for PlainRow {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        self.zip(other, |a, b| a | b)
    }
}

impl BitXor for PlainRow {
    type Output = Self;

    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        self.zip(other, |a, b| a ^ b)
    }
}

impl Not for PlainRow {
    type Output = Self;

    #[inline(always)]
    fn not(self) -> Self {
        Self(self.0.map(|word| !word))
    }
}

impl Row for PlainRow {
    #[inline(always)]
    fn words(self) -> [u64; ROW_WORDS] {
        self.0
    }

    #[inline(always)]
    fn any(self) -> bool {
        self.0.iter().any(|&word| word != 0)
    }

    #[inline(always)]
    fn next(self, carry: &mut bool) -> Self {
        Self(self.0.map(|word| {
            let bits = word << 1 | u64::from(*carry);
            *carry = word >> 63 == 1;
            bits
        }))
    }

    #[inline(always)]
    fn plus(mut self, other: Self, carry: &mut bool) -> Self {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            let (sum, first) = word.overflowing_add(other);
            let (sum, second) = sum.overflowing_add((*carry).into());
            *word = sum;
            *carry = first | second;
        }
        self
    }

    #[inline(always)]
    fn odd(self, carry: &mut bool) -> Self {
        Self(self.0.map(|word| {
            let mut bits = word ^ u64::from(*carry);
            for shift in [1, 2, 4, 8, 16, 32] {
                bits ^= bits << shift;
            }
            *carry = bits >> 63 == 1;
            bits
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::block::{Blocks, Instructions, with_blocks};

    /// Words in which carries run far.
    fn any_words() -> impl Strategy<Value = [u64; ROW_WORDS]> {
        let word = prop_oneof![
            Just(0),
            Just(u64::MAX),
            Just(1),
            Just(1 << 63),
            any::<u64>()
        ];
        prop::array::uniform(word)
    }

    /// All that a row tells, with what is carried out.
    fn answers(row: impl Row, carry: bool) -> Vec<([u64; ROW_WORDS], bool)> {
        let carried = |work: &dyn Fn(&mut bool) -> [u64; ROW_WORDS]| {
            let mut carry = carry;
            (work(&mut carry), carry)
        };
        vec![
            carried(&|carry| row.next(carry).words()),
            carried(&|carry| row.odd(carry).words()),
            ([0; ROW_WORDS], row.any()),
        ]
    }

    fn sum<R: Row>(row: R, other: R, mut carry: bool) -> ([u64; ROW_WORDS], bool) {
        let sum = row.plus(other, &mut carry);
        (sum.words(), carry)
    }

    proptest! {
        #[test]
        fn a_row_tells_the_same_with_all_instructions(
            words in any_words(),
            other in any_words(),
            carry: bool,
        ) {
            #[inline(always)]
            fn check(
                blocks: impl Blocks,
                words: [u64; ROW_WORDS],
                other: [u64; ROW_WORDS],
                carry: bool,
            ) {
                let (plain, plain_other) = (PlainRow(words), PlainRow(other));
                let (row, row_other) = (blocks.row(&words), blocks.row(&other));
                assert_eq!(row.words(), words);
                assert_eq!(answers(row, carry), answers(plain, carry));
                assert_eq!(sum(row, row_other, carry), sum(plain, plain_other, carry));
                assert_eq!(
                    (row & row_other | !row ^ row_other).words(),
                    (plain & plain_other | !plain ^ plain_other).words()
                );
            }
            for instructions in Instructions::available() {
                with_blocks!(instructions, blocks => check(blocks, words, other, carry));
            }
        }
    }

    /// The bits of words as one after the other.
    fn bits(words: [u64; ROW_WORDS]) -> Vec<bool> {
        let bits = words
            .iter()
            .flat_map(|word| (0..64).map(move |n| word >> n & 1 == 1));
        bits.collect()
    }

    proptest! {
        #[test]
        fn a_plain_row_shifts_adds_and_counts_bit_by_bit(
            words in any_words(),
            other in any_words(),
            carry: bool,
        ) {
            let (row, mut last) = (PlainRow(words), carry);
            let shifted = bits(row.next(&mut last).words());
            prop_assert_eq!(shifted[0], carry);
            prop_assert_eq!(&shifted[1..], &bits(words)[..511]);
            prop_assert_eq!(last, bits(words)[511]);

            let mut carried = carry;
            let sum = bits(row.plus(PlainRow(other), &mut carried).words());
            let mut carry_bit = carry;
            for (n, (a, b)) in bits(words).into_iter().zip(bits(other)).enumerate() {
                prop_assert_eq!(sum[n], a ^ b ^ carry_bit);
                carry_bit = a & b | carry_bit & (a | b);
            }
            prop_assert_eq!(carried, carry_bit);

            let mut is_odd = carry;
            let odd = bits(row.odd(&mut is_odd).words());
            let mut expected = carry;
            for (n, bit) in bits(words).into_iter().enumerate() {
                expected ^= bit;
                prop_assert_eq!(odd[n], expected);
            }
            prop_assert_eq!(is_odd, expected);
        }
    }
}
