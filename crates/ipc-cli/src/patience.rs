//! How long a person is willing to wait: `500ms`, `2s`, `1m`, `1.5`, `never`.

use std::{fmt, time::Duration};

/// Longer than this is `never` spelt wrong.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// How long to wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Patience {
    For(Duration),
    Never,
}

impl Patience {
    /// The time to wait; `None` is without end.
    pub(crate) const fn duration(self) -> Option<Duration> {
        match self {
            Self::For(duration) => Some(duration),
            Self::Never => None,
        }
    }
}

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum InvalidDuration {
    Form,
    Zero,
    Long,
}

impl std::error::Error for InvalidDuration {}

impl fmt::Display for InvalidDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "write a number with ms, s, m or h, such as 500ms or 2s, or never",
            Self::Zero => "0 leaves no time; to wait as long as it takes, write never",
            Self::Long => "that is more than a year; to wait as long as it takes, write never",
        })
    }
}

/// A duration, zero included.
pub(crate) fn parse_duration(text: &str) -> Result<Patience, InvalidDuration> {
    if text == "never" {
        return Ok(Patience::Never);
    }
    let n_digits = text
        .trim_end_matches(|c: char| c.is_ascii_alphabetic())
        .len();
    let (number, unit) = text.split_at(n_digits);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(InvalidDuration::Form),
    };
    // `f64` reads signs, exponents and infinity, which nobody means here.
    if number.contains(|c: char| !c.is_ascii_digit() && c != '.') {
        return Err(InvalidDuration::Form);
    }
    let Ok(number) = number.parse::<f64>() else {
        return Err(InvalidDuration::Form);
    };
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(duration) if duration <= LONGEST => Ok(Patience::For(duration)),
        Ok(_) | Err(_) => Err(InvalidDuration::Long),
    }
}

/// A duration that leaves some time.
pub(crate) fn parse_patience(text: &str) -> Result<Patience, InvalidDuration> {
    match parse_duration(text)? {
        Patience::For(Duration::ZERO) => Err(InvalidDuration::Zero),
        patience => Ok(patience),
    }
}

/// A duration that leaves some time and ends.
pub(crate) fn parse_positive(text: &str) -> Result<Duration, InvalidDuration> {
    parse_patience(text)?
        .duration()
        .ok_or(InvalidDuration::Form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_and_without_a_unit() {
        for (text, millis) in [
            ("500ms", 500),
            ("2s", 2000),
            ("2", 2000),
            ("0.5", 500),
            ("1.5s", 1500),
            ("1m", 60_000),
            ("2min", 120_000),
            ("1h", 3_600_000),
            ("0", 0),
        ] {
            let expected = Patience::For(Duration::from_millis(millis));
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
        assert_eq!(parse_duration("never"), Ok(Patience::Never));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "", "s", "-1s", "+1", "1e3", "inf", "nan", "2 s", "2d", "1s2", "1..2s",
        ] {
            assert_eq!(parse_duration(text), Err(InvalidDuration::Form), "{text}");
        }
        assert_eq!(parse_duration("9999999h"), Err(InvalidDuration::Long));
        assert_eq!(parse_patience("0ms"), Err(InvalidDuration::Zero));
        assert_eq!(parse_positive("never"), Err(InvalidDuration::Form));
    }
}
