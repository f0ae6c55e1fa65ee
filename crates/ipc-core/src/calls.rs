//! Open calls: who asked, who is to answer, and by when.

use std::time::Instant;

use slab::Slab;

use crate::{io::SessionId, session::KeptReplyTo};

/// Bits of a call's number that are its place in the table: two million calls at a time.
const SLOT_BITS: u32 = 21;

/// Bits of a call's number that tell it from earlier ones in the same place. Both together are a
/// number of at most 14 digits: JavaScript would hold 53 bits, but the JSON libraries of Lua write
/// no more than 14 digits of any number, and a provider has to give back exactly this one.
const SERIAL_BITS: u32 = 25;

/// The most calls that can be open at a time.
pub(crate) const MAX_CALLS: usize = 1 << SLOT_BITS;

/// No call: the end of a list.
const NONE: u32 = u32::MAX;

/// An open call, by the number that its provider knows it by.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct CallId(u64);

impl CallId {
    pub(crate) const fn from_number(number: u64) -> Self {
        Self(number)
    }

    pub(crate) const fn number(self) -> u64 {
        self.0
    }

    fn slot(self) -> usize {
        usize::try_from(self.0 & (MAX_CALLS as u64 - 1)).unwrap_or(usize::MAX)
    }
}

/// A call that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenCall {
    pub(crate) caller: SessionId,
    pub(crate) reply_to: KeptReplyTo,
    pub(crate) provider: SessionId,
    pub(crate) deadline: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    serial: u32,
    call: OpenCall,
    /// The neighbours in the list of the caller's calls, and of the provider's.
    links: [Links; 2],
}

#[derive(Clone, Copy, Debug)]
struct Links {
    before: u32,
    after: u32,
}

/// Which of a call's two ends a list belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Caller = 0,
    Provider = 1,
}

/// The calls of one session at one end, in the order they were opened. The links live in the
/// table of calls, so that a list takes no memory of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallList {
    first: u32,
    last: u32,
    len: usize,
}

impl Default for CallList {
    fn default() -> Self {
        Self {
            first: NONE,
            last: NONE,
            len: 0,
        }
    }
}

impl CallList {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }
}

#[derive(Debug, Default)]
pub(crate) struct Calls {
    entries: Slab<Entry>,
    last_serial: u32,
}

impl Calls {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Opens a call; it is on no list yet.
    pub(crate) fn open(&mut self, call: OpenCall) -> CallId {
        self.last_serial = (self.last_serial + 1) & ((1 << SERIAL_BITS) - 1);
        let links = [Links {
            before: NONE,
            after: NONE,
        }; 2];
        let slot = self.entries.insert(Entry {
            serial: self.last_serial,
            call,
            links,
        });
        CallId(u64::from(self.last_serial) << SLOT_BITS | slot as u64)
    }

    pub(crate) fn get(&self, id: CallId) -> Option<&OpenCall> {
        let entry = self.entries.get(id.slot())?;
        (u64::from(entry.serial) == id.0 >> SLOT_BITS).then_some(&entry.call)
    }

    /// Puts an open call at the end of a list.
    pub(crate) fn link(&mut self, end: End, list: &mut CallList, id: CallId) {
        debug_assert!(self.get(id).is_some(), "only open calls are on lists");
        let Ok(slot) = u32::try_from(id.slot()) else {
            return;
        };
        self.set_links(
            slot,
            end,
            Links {
                before: list.last,
                after: NONE,
            },
        );
        if list.last == NONE {
            list.first = slot;
        } else {
            let before = self.links(list.last, end).before;
            self.set_links(
                list.last,
                end,
                Links {
                    before,
                    after: slot,
                },
            );
        }
        list.last = slot;
        list.len += 1;
    }

    /// Takes an open call out of a list that it is on.
    pub(crate) fn unlink(&mut self, end: End, list: &mut CallList, id: CallId) {
        debug_assert!(self.get(id).is_some(), "only open calls are on lists");
        let Ok(slot) = u32::try_from(id.slot()) else {
            return;
        };
        let Links { before, after } = self.links(slot, end);
        if before == NONE {
            list.first = after;
        } else {
            let further = self.links(before, end).before;
            self.set_links(
                before,
                end,
                Links {
                    before: further,
                    after,
                },
            );
        }
        if after == NONE {
            list.last = before;
        } else {
            let further = self.links(after, end).after;
            self.set_links(
                after,
                end,
                Links {
                    before,
                    after: further,
                },
            );
        }
        list.len -= 1;
    }

    /// Ends a call that is on no list any more.
    pub(crate) fn remove(&mut self, id: CallId) {
        if self.get(id).is_some() {
            self.entries.remove(id.slot());
        }
    }

    /// The first call of a list.
    pub(crate) fn first(&self, list: &CallList) -> Option<CallId> {
        let slot = list.first as usize;
        let entry = self.entries.get(slot)?;
        Some(CallId(u64::from(entry.serial) << SLOT_BITS | slot as u64))
    }

    fn links(&self, slot: u32, end: End) -> Links {
        let none = Links {
            before: NONE,
            after: NONE,
        };
        self.entries
            .get(slot as usize)
            .map_or(none, |entry| match end {
                End::Caller => entry.links[0],
                End::Provider => entry.links[1],
            })
    }

    fn set_links(&mut self, slot: u32, end: End, links: Links) {
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            match end {
                End::Caller => entry.links[0] = links,
                End::Provider => entry.links[1] = links,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::KeptReplyTo;

    fn call() -> OpenCall {
        let session = SessionId { slot: 0, client: 1 };
        OpenCall {
            caller: session,
            reply_to: KeptReplyTo::Turn(0),
            provider: session,
            deadline: None,
        }
    }

    #[test]
    fn a_number_has_at_most_14_digits_and_serials_begin_again() {
        let mut calls = Calls {
            last_serial: (1 << SERIAL_BITS) - 2,
            ..Calls::default()
        };
        let ids: Vec<_> = (0..3).map(|_| calls.open(call())).collect();
        assert!(ids.iter().all(|id| id.number() < 100_000_000_000_000));
        const { assert!((1 << (SERIAL_BITS + SLOT_BITS)) < 100_000_000_000_000_u64) };
        for id in &ids {
            assert!(calls.get(*id).is_some());
            calls.remove(*id);
            assert!(calls.get(*id).is_none());
        }
        // The same place again is another call.
        let again = calls.open(call());
        assert!(!ids.contains(&again));
    }
}
