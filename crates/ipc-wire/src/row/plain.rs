//! Rows without vectors.

use std::ops::{BitAnd, BitOr, BitXor, Not};

use super::{Row, Words};

/// A row in words of 64 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainRow<const N: usize>(pub(crate) Words<N>);

impl<const N: usize> PlainRow<N> {
    #[inline(always)]
    fn zip(mut self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        let words = self.0.as_flattened_mut().iter_mut();
        for (word, other) in words.zip(other.0.as_flattened()) {
            *word = f(*word, *other);
        }
        self
    }

    #[inline(always)]
    fn map(mut self, f: impl FnMut(&mut u64)) -> Self {
        self.0.as_flattened_mut().iter_mut().for_each(f);
        self
    }
}

impl<const N: usize> BitAnd for PlainRow<N> {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        self.zip(other, |a, b| a & b)
    }
}

impl<const N: usize> BitOr for PlainRow<N> {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        self.zip(other, |a, b| a | b)
    }
}

impl<const N: usize> BitXor for PlainRow<N> {
    type Output = Self;

    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        self.zip(other, |a, b| a ^ b)
    }
}

impl<const N: usize> Not for PlainRow<N> {
    type Output = Self;

    #[inline(always)]
    fn not(self) -> Self {
        self.map(|word| *word = !*word)
    }
}

impl<const N: usize> Row for PlainRow<N> {
    type Words = Words<N>;

    #[inline(always)]
    fn words(self) -> Words<N> {
        self.0
    }

    #[inline(always)]
    fn any(self) -> bool {
        self.0.as_flattened().iter().any(|&word| word != 0)
    }

    #[inline(always)]
    fn next(self, carry: &mut bool) -> Self {
        self.map(|word| {
            let next = *word << 1 | u64::from(*carry);
            *carry = *word >> 63 == 1;
            *word = next;
        })
    }

    #[inline(always)]
    fn plus(self, other: Self, carry: &mut bool) -> Self {
        let mut others = other.0.as_flattened().iter();
        self.map(|word| {
            let other = others.next().copied().unwrap_or_default();
            let (sum, first) = word.overflowing_add(other);
            let (sum, second) = sum.overflowing_add((*carry).into());
            *word = sum;
            *carry = first | second;
        })
    }

    #[inline(always)]
    fn odd(self, carry: &mut bool) -> Self {
        self.map(|word| {
            *word ^= u64::from(*carry);
            for shift in [1, 2, 4, 8, 16, 32] {
                *word ^= *word << shift;
            }
            *carry = *word >> 63 == 1;
        })
    }
}
