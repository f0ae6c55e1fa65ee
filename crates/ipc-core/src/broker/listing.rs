//! The methods that list, `objects` and `clients`: a page at a time, so that an answer is bounded
//! whatever is registered or connected.
//!
//! A page begins after an entry's key, its name or number, and the tables begin there without a
//! walk over what comes before. A key belongs to its entry as long as that stands, so nothing
//! that stands while a client goes from page to page is left out or comes twice.

use std::{num::NonZeroUsize, ops::Bound};

use ipc_wire::Name;
use serde::Serialize;

use super::{
    Broker,
    naming::read_name,
    param::{Param, count, needed_name, text, whole},
    reports::{ClientReport, ObjectReport},
};
use crate::{io::SessionId, limits::Limits, refusal::Refusal, registry::Object, sessions::json};

impl Broker {
    /// A page of the objects, or of those that one client provides or stands by for.
    pub(super) fn list_objects(&self, param: &Param<'_>) -> Result<Vec<u8>, Refusal> {
        let after = text("after", param.after)?;
        let after = after.map(|after| read_name(&after)).transpose()?;
        let after = after.as_deref();
        let page = Page::new("objects", count("limit", param.limit)?, &self.limits);
        let Some(client) = whole("client", param.client)? else {
            let objects = self.registry.after(after);
            return Ok(page.fill(objects.map(|(name, object)| self.object_entry(name, object))));
        };
        let Some(session) = self.sessions.by_client(client) else {
            return Ok(page.fill::<(), ()>([]));
        };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let names = session.objects.range::<str, _>((start, Bound::Unbounded));
        Ok(page.fill(names.filter_map(|name| {
            let object = self.registry.get(name.as_str())?;
            Some(self.object_entry(name, object))
        })))
    }

    fn object_entry<'a>(&'a self, name: &'a Name, object: &Object) -> (&'a str, ObjectReport<'a>) {
        let name = name.as_str();
        (name, self.report_object(name, object))
    }

    pub(super) fn report_object<'a>(&'a self, name: &'a str, object: &Object) -> ObjectReport<'a> {
        ObjectReport::new(name, object, &self.sessions, self.limits.entry_items)
    }

    /// A page of the clients, or of those that provide one object or stand by for it.
    pub(super) fn list_clients(&self, param: &Param<'_>) -> Result<Vec<u8>, Refusal> {
        let after = whole("after", param.after)?.unwrap_or(0);
        let page = Page::new("clients", count("limit", param.limit)?, &self.limits);
        let report = |session| ClientReport::new(session, self.limits.entry_items);
        if param.object.is_none() {
            let sessions = self.sessions.after(after);
            return Ok(page.fill(sessions.map(|session| (session.id.client(), report(session)))));
        }
        let object = needed_name("object", param.object)?;
        // A walk over everybody who has the name, which to claim it takes, too.
        let object = self.registry.get(&object);
        let claims = object.into_iter().flat_map(Object::claims);
        let ids = claims.map(|claim| claim.session);
        let mut ids: Vec<SessionId> = ids.filter(|id| after < id.client()).collect();
        ids.sort_unstable_by_key(|id| id.client());
        let sessions = ids.into_iter().filter_map(|id| self.sessions.get(id));
        Ok(page.fill(sessions.map(|session| (session.id.client(), report(session)))))
    }
}

/// A page that is being filled.
struct Page {
    /// The response as far as it is written.
    json: Vec<u8>,
    max_entries: usize,
    max_bytes: usize,
}

impl Page {
    fn new(key: &str, limit: Option<NonZeroUsize>, limits: &Limits) -> Self {
        let max_entries = limit.map_or(usize::MAX, NonZeroUsize::get);
        Self {
            json: format!("{{\"{key}\":[").into_bytes(),
            max_entries: max_entries.min(limits.page_entries).max(1),
            max_bytes: limits.page_bytes,
        }
    }

    /// Takes entries by their keys until the page is full, but at least one; the key of the last
    /// is where the next page begins, if there is one.
    fn fill<K: Serialize, E: Serialize>(
        mut self,
        entries: impl IntoIterator<Item = (K, E)>,
    ) -> Vec<u8> {
        let mut last = None;
        for (n_entries, (key, entry)) in entries.into_iter().enumerate() {
            if n_entries == self.max_entries {
                return self.finish(last);
            }
            let entry = json(&entry);
            if 0 < n_entries {
                if self.max_bytes < self.json.len() + entry.len() {
                    return self.finish(last);
                }
                self.json.push(b',');
            }
            self.json.extend_from_slice(&entry);
            last = Some(key);
        }
        self.finish(None::<K>)
    }

    fn finish(mut self, next: Option<impl Serialize>) -> Vec<u8> {
        self.json.extend_from_slice(b"],\"next\":");
        self.json.extend_from_slice(&json(&next));
        self.json.push(b'}');
        self.json
    }
}
