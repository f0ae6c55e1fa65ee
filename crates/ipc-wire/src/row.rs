//! Numbers of 512 bits and more, one bit for each byte of a piece of a message: the first byte's is
//! the lowest.
//!
//! What concerns each byte alone is a logical operation on such numbers. What leads from a byte to
//! the next is a shift, and what leads over any number of them an addition, whose carry runs
//! through them. Both take in what came before the row, and give out what goes on behind it.

mod plain;
mod vectors;

use std::ops::{BitAnd, BitOr, BitXor, Not};

pub(crate) use plain::PlainRow;
pub(crate) use vectors::VectorRow;

/// How many words a vector has.
pub(crate) const LANES: usize = 8;

/// How many vectors a wide row has, which the processor calculates side by side: much of a row's time
/// goes to waiting for one operation before the next.
pub(crate) const WIDE: usize = 4;

/// The words of a row of `N` vectors.
pub(crate) type Words<const N: usize> = [[u64; LANES]; N];

/// One bit for each byte of a stretch.
pub(crate) trait Row:
    Copy + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self> + Not<Output = Self>
{
    type Words;

    fn words(self) -> Self::Words;

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::block::{Blocks, Instructions, with_blocks};

    /// Words in which carries run far.
    fn any_words<const N: usize>() -> impl Strategy<Value = Words<N>> {
        let word = prop_oneof![
            Just(0),
            Just(u64::MAX),
            Just(1),
            Just(1 << 63),
            any::<u64>()
        ];
        prop::collection::vec(word, N * LANES).prop_map(|words| {
            let (words, _) = words.as_chunks();
            words.try_into().expect("so many words")
        })
    }

    /// All that a row tells, with what is carried out.
    fn answers<R: Row>(row: R, other: R, carry: bool) -> (Vec<(R::Words, bool)>, bool) {
        let carried = |work: &dyn Fn(&mut bool) -> R| {
            let mut carry = carry;
            (work(&mut carry).words(), carry)
        };
        let answers = vec![
            (row.words(), carry),
            carried(&|carry| row.next(carry)),
            carried(&|carry| row.odd(carry)),
            carried(&|carry| row.plus(other, carry)),
            carried(&|_| row & other | !row ^ other),
        ];
        (answers, row.any())
    }

    #[inline(always)]
    fn check<const N: usize>(blocks: impl Blocks, words: Words<N>, other: Words<N>, carry: bool) {
        let (plain, plain_other) = (PlainRow(words), PlainRow(other));
        let (row, row_other) = (blocks.row(&words), blocks.row(&other));
        assert_eq!(
            answers(row, row_other, carry),
            answers(plain, plain_other, carry)
        );
    }

    proptest! {
        #[test]
        fn a_row_tells_the_same_with_all_instructions(
            words in any_words::<1>(),
            other in any_words::<1>(),
            wide in any_words::<4>(),
            wide_other in any_words::<4>(),
            carry: bool,
        ) {
            for instructions in Instructions::available() {
                with_blocks!(instructions, blocks => {
                    check(blocks, words, other, carry);
                    check(blocks, wide, wide_other, carry);
                });
            }
        }
    }

    /// The bits of words as one after the other.
    fn bits<const N: usize>(words: Words<N>) -> Vec<bool> {
        let words = words.as_flattened().iter();
        let bits = words.flat_map(|word| (0..64).map(move |n| word >> n & 1 == 1));
        bits.collect()
    }

    proptest! {
        #[test]
        fn a_plain_row_shifts_adds_and_counts_bit_by_bit(
            words in any_words::<2>(),
            other in any_words::<2>(),
            carry: bool,
        ) {
            let (row, mut last) = (PlainRow(words), carry);
            let shifted = bits(row.next(&mut last).words());
            let expected = [&[carry], bits(words).as_slice()].concat();
            prop_assert_eq!([shifted, vec![last]].concat(), expected);

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
