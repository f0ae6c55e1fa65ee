//! Which session provides which object.

use std::{
    collections::{BTreeSet, VecDeque},
    ops::Bound,
};

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

    /// Everybody who provides it, and then everybody who stands by.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.providers.iter().chain(&self.standby)
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
    /// The names of all objects in order, so that a list can begin at any of them.
    in_order: BTreeSet<Name>,
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

    /// Returns the objects by name, from the first one after a name.
    pub(crate) fn after(&self, name: Option<&str>) -> impl Iterator<Item = (&Name, &Object)> {
        let start = name.map_or(Bound::Unbounded, Bound::Excluded);
        let names = self.in_order.range::<str, _>((start, Bound::Unbounded));
        names.filter_map(|name| Some((name, self.objects.get(name.as_str())?)))
    }

    /// Checks that every object is in both tables, and that somebody provides it.
    pub(crate) fn assert_invariants(&self) {
        assert_eq!(self.in_order.len(), self.objects.len());
        assert_eq!(self.after(None).count(), self.objects.len());
        let mut objects = self.after(None);
        assert!(objects.all(|(_, object)| !object.providers.is_empty()));
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

    /// Gives a name to a session, if its mode allows that and the modes of the others.
    ///
    /// A session that provides the object goes on doing so, whatever it asks for. One that stands
    /// by is treated as one that has nothing, but keeps its place when it is refused.
    pub(crate) fn claim(&mut self, name: &Name, mut claim: Claim) -> Claimed {
        let Some((_, object)) = self.objects.find(name.as_str().as_bytes()) else {
            self.in_order.insert(name.clone());
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
        let place = object.standby.iter().position(own);
        let may_provide = match claim.mode {
            Mode::Shared => object.mode() == Mode::Shared,
            Mode::Replace => is_alone,
            Mode::Queue => {
                if let Some(known) = place.and_then(|place| object.standby.get_mut(place)) {
                    known.interface = claim.interface.or(known.interface.take());
                    return Claimed::Renewed;
                }
                object.standby.push_back(claim);
                return Claimed::StandsBy;
            }
            Mode::Exclusive => false,
        };
        if !may_provide {
            return Claimed::Taken;
        }
        if let Some(known) = place.and_then(|place| object.standby.remove(place)) {
            claim.interface = claim.interface.or(known.interface);
        }
        if claim.mode == Mode::Replace {
            let replaced = object.providers.first().map(|known| known.session);
            object.providers = vec![claim];
            return Claimed::Provides { replaced };
        }
        object.providers.push(claim);
        Claimed::Provides { replaced: None }
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
        self.in_order.remove(name);
        Released::Provided { successor: None }
    }
}
