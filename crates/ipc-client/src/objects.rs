//! The objects that this client provides. Kept by [`Core`](crate::core::Core).

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use ipc_wire::{MAX_NAME_BYTES, Text};
use tokio::sync::watch;

use crate::{RegistrationState, outgoing::RegisterMessage, serving::Serve};

/// How many names of methods an object remembers, so that calls of them need not copy them.
const KNOWN_METHODS: usize = 16;

/// The objects that this client provides.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    /// By the bytes of their names, which are looked up without being proved to be UTF-8.
    entries: HashMap<Box<[u8]>, ObjectEntry, BuildHasherDefault<NameHasher>>,
}

pub(crate) struct ObjectEntry {
    pub(crate) name: Arc<str>,
    /// Where it stands among all that is restored after a reconnect, and which registration of
    /// the name it belongs to.
    pub(crate) serial: u64,
    /// The server has confirmed it; until then its own request takes care of it.
    pub(crate) is_confirmed: bool,
    pub(crate) service: Arc<dyn Serve>,
    pub(crate) message: Arc<RegisterMessage>,
    pub(crate) states: watch::Sender<RegistrationState>,
    /// Methods that were called, as their names are handed out.
    pub(crate) methods: Vec<Arc<Called>>,
}

/// The names that a call came by. All calls of a method share them.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) object: Arc<str>,
    pub(crate) method: Box<str>,
}

impl ObjectEntry {
    /// The names for a call of a method, copied only where it is not known yet.
    pub(crate) fn called(&mut self, method: &Text<'_>) -> Arc<Called> {
        let name = bytes(method);
        let mut known = self.methods.iter();
        if let Some(known) = known.find(|known| known.method.as_bytes() == &*name) {
            return Arc::clone(known);
        }
        let called = Arc::new(Called {
            object: Arc::clone(&self.name),
            method: method.decode().unwrap_or_default().into(),
        });
        // What a server sends by another name than any method has is not kept.
        if self.methods.len() < KNOWN_METHODS && name.len() <= MAX_NAME_BYTES {
            self.methods.push(Arc::clone(&called));
        }
        called
    }
}

impl fmt::Debug for ObjectEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectEntry")
            .field("serial", &self.serial)
            .field("is_confirmed", &self.is_confirmed)
            .finish_non_exhaustive()
    }
}

impl Objects {
    pub(crate) fn contains(&self, object: &str) -> bool {
        self.entries.contains_key(object.as_bytes())
    }

    pub(crate) fn insert(&mut self, entry: ObjectEntry) {
        self.entries.insert(entry.name.as_bytes().into(), entry);
    }

    /// The entry that a call of this name is for.
    pub(crate) fn called(&mut self, object: &Text<'_>) -> Option<&mut ObjectEntry> {
        self.entries.get_mut(&*bytes(object))
    }

    /// The entry of a name, if it still is that registration's.
    pub(crate) fn get_mut(&mut self, object: &str, serial: u64) -> Option<&mut ObjectEntry> {
        let entry = self.entries.get_mut(object.as_bytes())?;
        (entry.serial == serial).then_some(entry)
    }

    pub(crate) fn remove(&mut self, object: &str, serial: u64) -> Option<ObjectEntry> {
        self.get_mut(object, serial)?;
        self.entries.remove(object.as_bytes())
    }

    pub(crate) fn set_states(&self, state: &RegistrationState) {
        for entry in self.entries.values() {
            entry.states.send_replace(state.clone());
        }
    }

    /// What has to be registered after a reconnect.
    pub(crate) fn confirmed(&self) -> impl Iterator<Item = (u64, Arc<str>, Arc<RegisterMessage>)> {
        self.entries
            .values()
            .filter(|entry| entry.is_confirmed)
            .map(|entry| {
                let (name, message) = (Arc::clone(&entry.name), Arc::clone(&entry.message));
                (entry.serial, name, message)
            })
    }
}

/// What a text says; nothing where that is no Unicode.
fn bytes<'a>(text: &Text<'a>) -> Cow<'a, [u8]> {
    match text.literal() {
        [_, content @ .., _] if !content.contains(&b'\\') => Cow::Borrowed(content),
        _ => Cow::Owned(text.decode().unwrap_or_default().into_owned().into_bytes()),
    }
}

/// Spreads names that this side chose, for which a few operations a byte are enough (FNV-1a).
#[derive(Debug)]
pub(crate) struct NameHasher(u64);

impl Default for NameHasher {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Hasher for NameHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
}
