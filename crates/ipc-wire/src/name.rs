//! Names of objects and events, and the patterns that match event names.
//!
//! Parsed once; afterwards the type is the proof.

use std::{borrow::Borrow, fmt};

/// The longest name, in bytes of UTF-8: as in D-Bus, and short enough that a table of names
/// stays small whatever peers choose.
pub const MAX_NAME_BYTES: usize = 255;

/// The name of an object or an event: 1 to 255 bytes without control characters.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name(Box<str>);

/// The text is not a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// It has no character.
    #[error("a name must not be empty")]
    Empty,
    /// It is longer than [`MAX_NAME_BYTES`].
    #[error("a name has at most {MAX_NAME_BYTES} bytes")]
    TooLong,
    /// It has a control character (C0, DEL or C1).
    #[error("a name has no control characters")]
    ControlCharacter,
}

impl Name {
    /// Checks a text.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] says which rule it breaks.
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }

    /// Checks a text without keeping it.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] says which rule it breaks.
    pub fn check(text: &str) -> Result<(), InvalidName> {
        if text.is_empty() {
            return Err(InvalidName::Empty);
        }
        if MAX_NAME_BYTES < text.len() {
            return Err(InvalidName::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidName::ControlCharacter);
        }
        Ok(())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<&str> for Name {
    type Error = InvalidName;

    fn try_from(text: &str) -> Result<Self, InvalidName> {
        Self::new(text)
    }
}

/// A pattern over event names: dots separate tokens, `*` is one token, `>` is the rest (one or
/// more tokens). The words are those of NATS.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Pattern(Name);

/// The text is not a pattern.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPattern {
    /// It is not even a name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// Two dots follow each other, or one stands at an end.
    #[error("a pattern has no empty token between its dots")]
    EmptyToken,
    /// `>` stands before the end.
    #[error("'>' may only be the last token of a pattern")]
    RestNotLast,
}

/// One token of a [`Pattern`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Token<'a> {
    /// This very token.
    Literal(&'a str),
    /// `*`: any one token.
    Any,
    /// `>`: one token or more, up to the end.
    Rest,
}

impl Pattern {
    /// Checks a text.
    ///
    /// # Errors
    ///
    /// [`InvalidPattern`] says which rule it breaks.
    pub fn new(text: &str) -> Result<Self, InvalidPattern> {
        let name = Name::new(text)?;
        let mut tokens = text.split('.').peekable();
        while let Some(token) = tokens.next() {
            if token.is_empty() {
                return Err(InvalidPattern::EmptyToken);
            }
            if token == ">" && tokens.peek().is_some() {
                return Err(InvalidPattern::RestNotLast);
            }
        }
        Ok(Self(name))
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The tokens between the dots.
    pub fn tokens(&self) -> impl Iterator<Item = Token<'_>> {
        self.as_str().split('.').map(|token| match token {
            "*" => Token::Any,
            ">" => Token::Rest,
            literal => Token::Literal(literal),
        })
    }

    /// Whether the pattern matches an event's name.
    #[must_use]
    pub fn matches(&self, event: &str) -> bool {
        let mut event_tokens = event.split('.');
        for token in self.tokens() {
            let Some(event_token) = event_tokens.next() else {
                return false;
            };
            match token {
                Token::Literal(literal) if literal != event_token => return false,
                Token::Literal(_) | Token::Any => {}
                Token::Rest => return true,
            }
        }
        event_tokens.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_255_bytes_and_no_control_characters() {
        for name in [
            "a",
            "a b",
            "größe",
            "*",
            "a..b",
            "\u{202e}rtl",
            &"x".repeat(255),
        ] {
            assert!(Name::new(name).is_ok(), "{name:?}");
        }
        assert_eq!(Name::new(""), Err(InvalidName::Empty));
        assert_eq!(Name::new(&"x".repeat(256)), Err(InvalidName::TooLong));
        for name in ["\0", "a\nb", "\u{1b}[31m", "\u{7f}", "\u{85}"] {
            assert_eq!(
                Name::new(name),
                Err(InvalidName::ControlCharacter),
                "{name:?}"
            );
        }
    }

    #[test]
    fn a_star_is_one_token_and_an_angle_the_rest() {
        let matches = |pattern: &str, event| Pattern::new(pattern).unwrap().matches(event);
        assert!(matches("a.*.c", "a.b.c"));
        assert!(!matches("a.*.c", "a.c"));
        assert!(!matches("a.*", "a"));
        assert!(!matches("a.*", "a.b.c"));
        assert!(matches("a.>", "a.b"));
        assert!(matches("a.>", "a.b.c"));
        assert!(!matches("a.>", "a"));
        assert!(matches(">", "anything at all"));
        assert!(matches("*", "a..b".split('.').next().unwrap()));
        assert!(matches("a.*.b", "a..b"));
    }

    #[test]
    fn a_pattern_has_no_empty_token_and_its_rest_stands_last() {
        assert_eq!(Pattern::new("a..b"), Err(InvalidPattern::EmptyToken));
        assert_eq!(Pattern::new(".a"), Err(InvalidPattern::EmptyToken));
        assert_eq!(Pattern::new("a."), Err(InvalidPattern::EmptyToken));
        assert_eq!(Pattern::new(">.a"), Err(InvalidPattern::RestNotLast));
        assert_eq!(
            Pattern::new(""),
            Err(InvalidPattern::Name(InvalidName::Empty))
        );
        assert!(
            Pattern::new("a*.b>").is_ok(),
            "only a whole token is special"
        );
    }
}
