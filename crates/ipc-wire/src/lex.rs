//! Words of JSON (RFC 8259) but texts: numbers, literals and white space.
//!
//! Pure functions over what has arrived, for the scanner's way by words: they tell where a word ends
//! that is whole and right, and leave everything else to the careful one.

use crate::window::N_DIGITS;

/// Where a number ends, if it is right and something follows it.
#[inline(never)]
pub(crate) fn long_number_end(message: &[u8], start: usize) -> Option<usize> {
    let digits_end = |start: usize| {
        let digits = message.get(start..)?;
        let n_digits = digits.iter().position(|byte| !byte.is_ascii_digit())?;
        (0 < n_digits).then_some(start + n_digits)
    };
    let integer = start + usize::from(message[start] == b'-');
    let mut end = digits_end(integer)?;
    if message[integer] == b'0' && end != integer + 1 {
        return None;
    }
    if message[end] == b'.' {
        end = digits_end(end + 1)?;
    }
    if matches!(message[end], b'e' | b'E') {
        let sign = usize::from(matches!(message.get(end + 1)?, b'+' | b'-'));
        end = digits_end(end + 1 + sign)?;
    }
    Some(end)
}

/// How long a number at the front is, if it is right and not long, and something follows it;
/// `digits` are those of the next [`N_DIGITS`] bytes.
#[inline(always)]
pub(crate) fn number_len(digits: u64, bytes: &[u8]) -> Option<usize> {
    let run = |from: usize| (!(digits >> from)).trailing_zeros() as usize;
    let integer = usize::from(*bytes.first()? == b'-');
    let n_digits = run(integer);
    let mut len = integer + n_digits;
    let mut next = *bytes.get(len)?;
    if n_digits == 0 || (n_digits != 1 && bytes[integer] == b'0') {
        return None;
    }
    if next == b'.' {
        let n_digits = run(len + 1);
        if n_digits == 0 {
            return None;
        }
        len += 1 + n_digits;
        next = *bytes.get(len)?;
    }
    if next | 0x20 == b'e' {
        let sign = usize::from(matches!(bytes.get(len + 1)?, b'+' | b'-'));
        let n_digits = run(len + 1 + sign);
        if n_digits == 0 {
            return None;
        }
        len += 1 + sign + n_digits;
        bytes.get(len)?;
    }
    (len < N_DIGITS).then_some(len)
}

/// How long a literal at the front is, if there is one.
#[inline(always)]
pub(crate) fn literal_len(bytes: &[u8]) -> Option<usize> {
    match bytes.first_chunk()? {
        b"true" | b"null" => Some(4),
        b"fals" if bytes.get(4) == Some(&b'e') => Some(5),
        _ => None,
    }
}

/// Where the white space ends that may stand at `position`, and whether a line break is in it.
#[inline(never)]
pub(crate) fn skip_space(message: &[u8], mut position: usize) -> (usize, bool) {
    let mut has_breaks = false;
    loop {
        match message.get(position) {
            Some(b' ') => position += n_blanks(&message[position..]),
            Some(b'\n' | b'\r') => {
                has_breaks = true;
                position += 1;
            }
            Some(b'\t') => position += 1,
            _ => return (position, has_breaks),
        }
    }
}

/// How many blanks there are among the first eight bytes before anything else; the first is one.
#[inline(always)]
fn n_blanks(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(1, |bytes| {
        let others = u64::from_le_bytes(*bytes) ^ u64::from_le_bytes([b' '; 8]);
        others.trailing_zeros() as usize / 8
    })
}
