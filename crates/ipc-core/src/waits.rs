//! Who waits for which objects.

use std::time::Instant;

use indexmap::IndexMap;
use ipc_wire::Name;
use slab::Slab;

use crate::{io::SessionId, session::KeptReplyTo};

/// A wait that is not answered yet; never given to another.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct WaitId {
    /// Comes first, so that of waits that end together the oldest is answered first.
    serial: u64,
    slot: usize,
}

#[derive(Debug)]
pub(crate) struct OpenWait {
    pub(crate) session: SessionId,
    pub(crate) reply_to: KeptReplyTo,
    pub(crate) objects: Vec<Name>,
    pub(crate) deadline: Option<Instant>,
    /// The answer at the deadline names what is missing.
    pub(crate) tells_missing: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Waits {
    open: Slab<(u64, OpenWait)>,
    by_object: IndexMap<Name, Vec<WaitId>>,
    last_serial: u64,
}

impl Waits {
    pub(crate) fn open(&mut self, wait: OpenWait) -> WaitId {
        self.last_serial += 1;
        let entry = self.open.vacant_entry();
        let id = WaitId {
            slot: entry.key(),
            serial: self.last_serial,
        };
        for name in &wait.objects {
            self.by_object.entry(name.clone()).or_default().push(id);
        }
        entry.insert((id.serial, wait));
        id
    }

    pub(crate) fn get(&self, id: WaitId) -> Option<&OpenWait> {
        self.open
            .get(id.slot)
            .filter(|(serial, _)| *serial == id.serial)
            .map(|(_, wait)| wait)
    }

    pub(crate) fn remove(&mut self, id: WaitId) -> Option<OpenWait> {
        self.get(id)?;
        let (_, wait) = self.open.remove(id.slot);
        for name in &wait.objects {
            if let Some(ids) = self.by_object.get_mut(name) {
                ids.retain(|&other| other != id);
                if ids.is_empty() {
                    self.by_object.swap_remove(name);
                }
            }
        }
        Some(wait)
    }

    /// The waits in which an object is named, the oldest first.
    pub(crate) fn naming(&self, object: &str) -> Vec<WaitId> {
        self.by_object.get(object).cloned().unwrap_or_default()
    }

    /// All waits, the oldest first.
    pub(crate) fn all(&self) -> Vec<WaitId> {
        let ids = self
            .open
            .iter()
            .map(|(slot, &(serial, _))| WaitId { slot, serial });
        let mut ids: Vec<_> = ids.collect();
        ids.sort_unstable_by_key(|id| id.serial);
        ids
    }
}
