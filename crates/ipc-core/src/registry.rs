//! Which session provides which object.

use std::collections::VecDeque;

use ipc_wire::{Mode, Name};

use crate::{io::SessionId, names::Names};

/// A session's claim to an object's name.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) session: SessionId,
    pub(crate) mode: Mode,
    /// The description it gave: a JSON object.
    pub(crate) interface: Option<Box<[u8]>>,
}

/// An object: at least one provider, and those who stand by.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) providers: Vec<Claim>,
    pub(crate) standby: VecDeque<Claim>,
    /// Which of several providers is asked next.
    next: usize,
}

impl Object {
    /// The mode that the name is in, which is that of its first provider.
    pub(crate) fn mode(&self) -> Mode {
        self.providers
            .first()
            .map_or(Mode::Exclusive, |claim| claim.mode)
    }

    pub(crate) fn interface(&self) -> Option<&[u8]> {
        self.providers
            .iter()
            .find_map(|claim| claim.interface.as_deref())
    }
}

/// What became of a claim.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// The session provides the object now; the one it took the name from does not.
    Provides { replaced: Option<SessionId> },
    /// The session had the name already.
    Renewed,
    /// The session stands by.
    StandsBy,
    /// Somebody else has the name.
    Taken,
}

/// What became of an object that a session gave back.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Released {
    /// The session had nothing to give back.
    NotOwner,
    /// It no longer stands by.
    StoodBy,
    /// It no longer provides the object; the next in line does.
    Provided { successor: Option<SessionId> },
}

/// The providers of an object, from the one that is to be asked first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Providers {
    /// The object's place in the table.
    object: usize,
    first: usize,
    pub(crate) len: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Registry {
    objects: Names<Object>,
}

impl Registry {
    pub(crate) fn get(&self, name: &str) -> Option<&Object> {
        self.objects.get(name)
    }

    pub(crate) fn contains(&self, name: &Name) -> bool {
        self.objects.get(name.as_str()).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    /// All objects, by name.
    pub(crate) fn sorted(&self) -> Vec<(&str, &Object)> {
        self.objects.sorted()
    }

    /// The providers of an object in the order in which they are to be asked for the next call;
    /// the first of several is another one each time.
    pub(crate) fn providers(&mut self, name: &[u8]) -> Option<Providers> {
        let (object, state) = self.objects.find(name)?;
        let len = state.providers.len();
        // Some may have gone meanwhile.
        let first = if state.next < len {
            state.next
        } else {
            state.next % len.max(1)
        };
        state.next = if first + 1 < len { first + 1 } else { 0 };
        Some(Providers { object, first, len })
    }

    /// The `n`th provider to ask, of those that [`Registry::providers`] found.
    pub(crate) fn provider(&self, providers: Providers, n: usize) -> Option<SessionId> {
        let Providers { object, first, len } = providers;
        let object = self.objects.at(object)?;
        let n_from_start = first + n;
        let place = n_from_start.checked_sub(len).unwrap_or(n_from_start);
        Some(object.providers.get(place)?.session)
    }

    pub(crate) fn claim(&mut self, name: &Name, claim: Claim) -> Claimed {
        let Some((_, object)) = self.objects.find(name.as_str().as_bytes()) else {
            self.objects.get_or_insert(name.as_str(), || Object {
                providers: vec![claim],
                standby: VecDeque::new(),
                next: 0,
            });
            return Claimed::Provides { replaced: None };
        };
        let own = |known: &Claim| known.session == claim.session;
        let is_alone = object.providers.len() == 1;
        if let Some(known) = object.providers.iter_mut().find(|known| own(known)) {
            known.interface = claim.interface.or(known.interface.take());
            if is_alone {
                known.mode = claim.mode;
            }
            return Claimed::Renewed;
        }
        if let Some(place) = object.standby.iter().position(own) {
            // Who stands by may take the name over; it only loses its place in the queue then.
            if claim.mode != Mode::Replace || !is_alone {
                return Claimed::Renewed;
            }
            object.standby.remove(place);
        }
        match claim.mode {
            Mode::Shared if object.mode() == Mode::Shared => {
                object.providers.push(claim);
                Claimed::Provides { replaced: None }
            }
            Mode::Replace if object.providers.len() == 1 => {
                let replaced = object.providers.first().map(|known| known.session);
                object.providers = vec![claim];
                Claimed::Provides { replaced }
            }
            Mode::Queue => {
                object.standby.push_back(claim);
                Claimed::StandsBy
            }
            Mode::Exclusive | Mode::Replace | Mode::Shared => Claimed::Taken,
        }
    }

    pub(crate) fn release(&mut self, name: &str, session: SessionId) -> Released {
        let Some((index, object)) = self.objects.find(name.as_bytes()) else {
            return Released::NotOwner;
        };
        let is_own = |claim: &Claim| claim.session == session;
        if let Some(place) = object.standby.iter().position(is_own) {
            object.standby.remove(place);
            return Released::StoodBy;
        }
        let Some(place) = object.providers.iter().position(is_own) else {
            return Released::NotOwner;
        };
        object.providers.remove(place);
        if !object.providers.is_empty() {
            return Released::Provided { successor: None };
        }
        if let Some(claim) = object.standby.pop_front() {
            let successor = Some(claim.session);
            object.providers.push(claim);
            return Released::Provided { successor };
        }
        self.objects.remove(index);
        Released::Provided { successor: None }
    }
}
