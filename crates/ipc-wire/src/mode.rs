//! How an object's name is shared among those who register it.

use std::str::FromStr;

/// The `mode` of a registration (section 4 of the protocol).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Mode {
    /// One provider; a second one is refused.
    #[default]
    Exclusive,
    /// Takes the name over from the one who has it.
    Replace,
    /// Stands by until the providers before it are gone.
    Queue,
    /// One of several providers, all of this mode, over which calls are spread.
    Shared,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Exclusive, Self::Replace, Self::Queue, Self::Shared];

    /// The mode as it travels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exclusive => "exclusive",
            Self::Replace => "replace",
            Self::Queue => "queue",
            Self::Shared => "shared",
        }
    }
}

/// The text is not a mode that this version knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a mode is exclusive, replace, queue or shared")]
pub struct UnknownMode;

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or(UnknownMode)
    }
}
