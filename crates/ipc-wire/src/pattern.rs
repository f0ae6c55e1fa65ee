//! Patterns over event names: what they match, and what is refused because it cannot mean what
//! it looks like.
//!
//! A pattern that hears nothing looks the same as events that do not come. So what people know as
//! a wildcard from MQTT, AMQP or a shell is refused where it would be a literal, and the error
//! says what to write instead. Events whose names look like that are listened to by name.

use crate::name::{InvalidName, Name, is_reserved};

/// A pattern over event names: dots separate tokens, `*` is one token, `>` is the rest (one or
/// more tokens). A token is any text between dots, the empty one too, as in names. The words are
/// those of NATS.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Pattern(Name);

/// The text is not a pattern.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPattern {
    /// It is not even a name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// `>` stands before the end.
    #[error("'>' stands for the rest of a name and must be the last token of a pattern")]
    RestNotLast,
    /// `*` or `>` is part of a longer token.
    #[error(
        "'{wildcard}' stands for whole tokens and cannot be part of '{token}'; {}",
        advice(.instead.as_deref())
    )]
    PartOfToken {
        /// `*` or `>`.
        wildcard: char,
        /// The token that has it.
        token: String,
        /// The pattern that was probably meant, where that can be told.
        instead: Option<String>,
    },
    /// A wildcard of another system.
    #[error("'{wildcard}' is not a wildcard here; {}", advice(.instead.as_deref()))]
    ForeignWildcard {
        /// The wildcard: `+`, `#`, `?`, or a set such as `[a-z]` or `{a,b}`.
        wildcard: String,
        /// The pattern that was probably meant, where that can be told.
        instead: Option<String>,
    },
}

/// Says what to write instead of an invalid pattern.
fn advice(instead: Option<&str>) -> String {
    match instead {
        Some(pattern) => format!("write '{pattern}', with dots between the tokens"),
        None => {
            "between dots, '*' stands for one token, and '>' at the end for the rest".to_owned()
        }
    }
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
    /// [`InvalidPattern`] says which rule it breaks, and what to write instead.
    pub fn new(text: &str) -> Result<Self, InvalidPattern> {
        let name = Name::new(text)?;
        match find_mistake(text) {
            None => Ok(Self(name)),
            Some(Mistake::RestNotLast) => Err(InvalidPattern::RestNotLast),
            Some(Mistake::PartOfToken { wildcard, token }) => Err(InvalidPattern::PartOfToken {
                wildcard,
                token: token.to_owned(),
                instead: correct(text),
            }),
            Some(Mistake::ForeignWildcard(wildcard)) => Err(InvalidPattern::ForeignWildcard {
                wildcard: wildcard.to_owned(),
                instead: correct(text),
            }),
        }
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

    /// Returns whether the pattern matches an event's name.
    ///
    /// The server's own events are matched only by patterns whose first token is `ipc`: whoever
    /// listens to `>` means what applications say.
    #[must_use]
    pub fn matches(&self, event: &str) -> bool {
        if is_reserved(event) && !is_reserved(self.as_str()) {
            return false;
        }
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

/// What is wrong with a pattern.
enum Mistake<'a> {
    RestNotLast,
    PartOfToken { wildcard: char, token: &'a str },
    ForeignWildcard(&'a str),
}

fn find_mistake(text: &str) -> Option<Mistake<'_>> {
    let mut tokens = text.split('.').peekable();
    while let Some(token) = tokens.next() {
        match token {
            "*" => {}
            ">" if tokens.peek().is_none() => {}
            ">" => return Some(Mistake::RestNotLast),
            _ => {
                if let Some(wildcard) = token.chars().find(|&c| matches!(c, '*' | '>')) {
                    return Some(Mistake::PartOfToken { wildcard, token });
                }
            }
        }
    }
    find_foreign_wildcard(text).map(Mistake::ForeignWildcard)
}

/// Finds what stands for other texts in MQTT and AMQP (`+` and `#` alone between separators) or
/// in a shell (`?`, `[a-z]`, `{a,b}`). An index such as `[3]` and braces without a comma are no
/// sets.
fn find_foreign_wildcard(text: &str) -> Option<&str> {
    let mut parts = text.split(['.', '/']);
    if let Some(part) = parts.find(|&part| matches!(part, "+" | "#")) {
        return Some(part);
    }
    if let Some(place) = text.find('?') {
        return text.get(place..=place);
    }
    let is_index = |content: &str| content.bytes().all(|byte| byte.is_ascii_digit());
    find_set(text, '[', ']', |content| !is_index(content))
        .or_else(|| find_set(text, '{', '}', |content| content.contains(',')))
}

/// Finds a pair of brackets, the brackets included, whose content is a set.
fn find_set(
    text: &str,
    opening: char,
    closing: char,
    is_set: impl Fn(&str) -> bool,
) -> Option<&str> {
    text.match_indices(opening).find_map(|(start, _)| {
        let rest = text.get(start..)?;
        let set = rest.get(..=rest.find(closing)?)?;
        is_set(set.get(1..set.len() - 1)?).then_some(set)
    })
}

/// The pattern that was probably meant.
fn correct(text: &str) -> Option<String> {
    let tokens: Vec<_> = text.split('.').flat_map(correct_token).collect();
    let corrected = tokens.join(".");
    let is_valid = Name::check(&corrected).is_ok() && find_mistake(&corrected).is_none();
    is_valid.then_some(corrected)
}

/// The tokens that were probably meant by one token.
fn correct_token(token: &str) -> Vec<&str> {
    for separator in ['/', ':'] {
        let mut parts: Vec<_> = token.split(separator).collect();
        if 1 < parts.len() && parts.iter().any(|part| wildcard_for(part).is_some()) {
            // A path that begins at its root.
            parts.retain(|part| !part.is_empty());
            return parts.into_iter().flat_map(correct_token).collect();
        }
    }
    if let Some(wildcard) = wildcard_for(token) {
        return vec![wildcard];
    }
    let is_plain = |text: &&str| {
        text.chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
            && text.starts_with(char::is_alphanumeric)
            && text.ends_with(char::is_alphanumeric)
    };
    let ends_with = |wildcard| token.strip_suffix(wildcard).filter(is_plain);
    match (
        ends_with('*'),
        ends_with('>'),
        token.strip_prefix('*').filter(is_plain),
    ) {
        (Some(stem), _, _) => vec![stem, "*"],
        (_, Some(stem), _) => vec![stem, ">"],
        (_, _, Some(stem)) => vec!["*", stem],
        _ => vec![token],
    }
}

/// The wildcard that says what a whole token of another system says.
fn wildcard_for(token: &str) -> Option<&'static str> {
    match token {
        "*" | "+" | "?" => Some("*"),
        ">" | "#" | "**" => Some(">"),
        _ if 2 < token.len() && find_foreign_wildcard(token) == Some(token) => Some("*"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        Pattern::new(text).unwrap_err().to_string()
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
    }

    #[test]
    fn an_empty_token_is_a_token_like_any_other() {
        let matches = |pattern: &str, event| Pattern::new(pattern).unwrap().matches(event);
        for literal in ["a..b", ".a", "a.", ".", ".."] {
            assert!(matches(literal, literal), "{literal}");
        }
        for (pattern, event) in [
            ("a.*.b", "a..b"),
            ("a.*", "a."),
            ("*.a", ".a"),
            ("*.*", "."),
            ("a.>", "a."),
            ("a.>", "a.."),
            (">", "."),
            ("a..*", "a..b"),
        ] {
            assert!(matches(pattern, event), "{pattern} {event}");
        }
        assert!(!matches("a..b", "a.b"));
        assert!(!matches("a.*", "a"));
        assert!(!matches("*", "."));
    }

    #[test]
    fn the_servers_own_events_are_matched_only_by_patterns_that_begin_with_ipc() {
        let matches = |pattern: &str, event| Pattern::new(pattern).unwrap().matches(event);
        for pattern in [">", "*.>", "*.object.registered", "*.*.*"] {
            assert!(!matches(pattern, "ipc.object.registered"), "{pattern}");
            assert!(matches(pattern, "app.object.registered"), "{pattern}");
        }
        for pattern in ["ipc.>", "ipc.object.*", "ipc.object.registered"] {
            assert!(matches(pattern, "ipc.object.registered"), "{pattern}");
        }
    }

    #[test]
    fn a_wildcard_within_a_token_is_refused_with_what_to_write_instead() {
        for (text, instead) in [
            ("a*", "a.*"),
            ("room*", "room.*"),
            ("*temp", "*.temp"),
            ("room.temp>", "room.temp.>"),
            ("**", ">"),
            ("room.**", "room.>"),
            ("room/*", "room.*"),
            ("/room/*/temp", "room.*.temp"),
            ("room/**", "room.>"),
            ("room:*", "room.*"),
            ("room/>", "room.>"),
            ("a*.b>", "a.*.b.>"),
        ] {
            let said = message(text);
            assert!(said.contains(&format!("write '{instead}'")), "{said}");
            assert!(
                said.starts_with(['\'']) && said.contains("cannot be part of"),
                "{said}"
            );
        }
        for text in ["a*b", "a.**.b", "room-*", ">>", "*>"] {
            let said = message(text);
            assert!(said.contains("'*' stands for one token"), "{said}");
        }
        assert_eq!(
            message("room*"),
            "'*' stands for whole tokens and cannot be part of 'room*'; write 'room.*', with dots \
             between the tokens"
        );
    }

    #[test]
    fn wildcards_of_other_systems_are_refused_with_what_to_write_instead() {
        for (text, instead) in [
            ("#", ">"),
            ("+", "*"),
            ("room/+/temp", "room.*.temp"),
            ("room/#", "room.>"),
            ("room.+.temp", "room.*.temp"),
            ("room.#", "room.>"),
            ("$SYS/#", "$SYS.>"),
            ("/+", "*"),
            ("room.?", "room.*"),
            ("room.[a-z].temp", "room.*.temp"),
            ("room.{kitchen,bath}", "room.*"),
        ] {
            let said = message(text);
            assert!(said.contains(&format!("write '{instead}'")), "{said}");
            assert!(said.contains("is not a wildcard here"), "{said}");
        }
        for text in [
            "room.#.temp",
            "room?",
            "s[ab]",
            "room[!0]",
            "a{b,c}",
            "{a.b,c}",
        ] {
            let said = message(text);
            assert!(said.contains("'*' stands for one token"), "{said}");
        }
        assert_eq!(
            message("room/+/temp"),
            "'+' is not a wildcard here; write 'room.*.temp', with dots between the tokens"
        );
    }

    #[test]
    fn what_plausibly_is_a_literal_stays_one() {
        for text in [
            "a",
            "a b",
            "größe",
            "c++",
            "c#.x",
            "#general",
            "a+b",
            "+49.30",
            "room/kitchen",
            "http://x/y",
            "array[0].*",
            "sensor[12]",
            "list[]",
            "{0a1b-2c}.changed",
            "{}",
            "a]b[",
            "50%.*",
            "$SYS",
            "a|b",
            "^a",
            "a\\b.*",
            "it's.*",
            "a<b",
        ] {
            assert!(Pattern::new(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn the_rest_stands_last() {
        for text in [">.a", ">.", "a.>.>", ">.>"] {
            assert_eq!(
                Pattern::new(text),
                Err(InvalidPattern::RestNotLast),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_name_is_no_pattern() {
        assert_eq!(
            Pattern::new(""),
            Err(InvalidPattern::Name(InvalidName::Empty))
        );
        assert_eq!(
            Pattern::new("a\n.*"),
            Err(InvalidPattern::Name(InvalidName::ControlCharacter))
        );
    }
}
