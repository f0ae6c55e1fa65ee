//! Who listens to one event, or to what matches one pattern.

use indexmap::IndexSet;

use crate::io::SessionId;

/// A set of sessions, in the order in which they came. Most have one, which is kept in place: an
/// event finds it with the name it listens to, without another look into memory.
#[derive(Debug, Default)]
pub(crate) enum Listeners {
    #[default]
    None,
    One(SessionId),
    Many(Box<IndexSet<SessionId>>),
}

impl Listeners {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::One(_) => false,
            Self::Many(many) => many.is_empty(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = SessionId> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(one) => (Some(*one), None),
            Self::Many(many) => (None, Some(many)),
        };
        one.into_iter()
            .chain(many.into_iter().flat_map(|many| many.iter().copied()))
    }

    /// Adds a session; whether it was not there.
    pub(crate) fn insert(&mut self, session: SessionId) -> bool {
        match self {
            Self::None => *self = Self::One(session),
            Self::One(one) if *one == session => return false,
            Self::One(one) => *self = Self::Many(Box::new(IndexSet::from([*one, session]))),
            Self::Many(many) => return many.insert(session),
        }
        true
    }

    /// Takes a session out; whether it was there.
    pub(crate) fn remove(&mut self, session: SessionId) -> bool {
        match self {
            Self::One(one) if *one == session => {
                *self = Self::None;
                true
            }
            Self::Many(many) => many.swap_remove(&session),
            Self::None | Self::One(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_a_set_however_many_there_are() {
        let sessions = [3, 1, 2].map(|slot| SessionId { slot, client: 7 });
        for n in 0..=sessions.len() {
            let mut listeners = Listeners::default();
            for &session in &sessions[..n] {
                assert!(!listeners.remove(session));
                assert!(listeners.insert(session));
                assert!(!listeners.insert(session), "it is there");
            }
            assert!(listeners.iter().eq(sessions[..n].iter().copied()));
            for &session in &sessions[..n] {
                assert!(!listeners.is_empty());
                assert!(listeners.remove(session));
            }
            assert!(listeners.is_empty() && listeners.iter().next().is_none());
        }
    }
}
