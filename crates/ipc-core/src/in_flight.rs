//! The requests of one session that are not answered yet, by the ids that it gave them.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use ipc_wire::Id;

use crate::{calls::CallId, waits::WaitId};

/// A request that is not answered yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Request {
    Call(CallId),
    Wait(WaitId),
}

/// Requests by their ids. The ids themselves stand in the tables of calls and waits, so that an
/// entry here is small.
///
/// The hash is a quick one, seeded in each process: whoever chooses ids that collide slows down the
/// requests of its own connection, of which there is a limit.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    hasher: DefaultHashBuilder,
    requests: HashTable<(u64, Request)>,
}

impl InFlight {
    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    /// The request of this id; `id_of` tells the id of a request.
    pub(crate) fn find<'a>(
        &self,
        id: Id<'_>,
        id_of: impl Fn(Request) -> Option<Id<'a>>,
    ) -> Option<Request> {
        if self.requests.is_empty() {
            return None;
        }
        let hash = self.hash(id);
        let is_same = |&(known, request): &_| {
            known == hash && id_of(request).is_some_and(|known| known.is_same(id))
        };
        let (_, request) = self.requests.find(hash, is_same)?;
        Some(*request)
    }

    /// Notes a request, whose id is not in flight.
    pub(crate) fn insert(&mut self, id: Id<'_>, request: Request) {
        let hash = self.hash(id);
        self.requests
            .insert_unique(hash, (hash, request), |&(hash, _)| hash);
    }

    /// Forgets a request.
    pub(crate) fn remove(&mut self, id: Id<'_>, request: Request) {
        let hash = self.hash(id);
        if let Ok(entry) = self
            .requests
            .find_entry(hash, |&(_, known)| known == request)
        {
            entry.remove();
        }
    }

    #[inline]
    fn hash(&self, id: Id<'_>) -> u64 {
        match id {
            Id::Number(number) => self.hasher.hash_one(number),
            Id::Json(json) => self.hash_json(id, json),
        }
    }

    /// The same of an id that may be a number in another form.
    #[cold]
    fn hash_json(&self, id: Id<'_>, json: &[u8]) -> u64 {
        match id.as_u64() {
            Some(number) => self.hasher.hash_one(number),
            None => self.hasher.hash_one(json),
        }
    }
}
