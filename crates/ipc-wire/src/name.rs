//! Names of objects and events.
//!
//! Parsed once; afterwards the type is the proof.

use std::{borrow::Borrow, fmt, sync::Arc};

use crate::IPC_OBJECT;

/// The longest name, in bytes of UTF-8: as in D-Bus, and short enough that a table of names
/// stays small whatever peers choose.
pub const MAX_NAME_BYTES: usize = 255;

/// The name of an object or an event: 1 to 255 bytes without control characters. Cheap to clone:
/// the text is shared.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name(Arc<str>);

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

    /// Returns whether the name is the server's own: see [`is_reserved`].
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        is_reserved(&self.0)
    }
}

/// Returns whether a name belongs to the server, as an object and as an event: `ipc` and
/// everything under `ipc.`.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    name.strip_prefix(IPC_OBJECT)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
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
    fn ipc_and_what_is_under_it_are_reserved() {
        for name in ["ipc", "ipc.", "ipc.x", "ipc..x", "ipc.object.registered"] {
            assert!(Name::new(name).unwrap().is_reserved(), "{name}");
        }
        for name in [
            "ipcs", "ipc-x", "ipc/x", "IPC", ".ipc", "a.ipc", " ipc", "ip",
        ] {
            assert!(!Name::new(name).unwrap().is_reserved(), "{name}");
        }
    }
}
