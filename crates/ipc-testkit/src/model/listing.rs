//! The model's lists.

use serde_json::{Value, json};

use super::{Model, Object, Place};

/// A page of objects as the model sees it.
#[derive(Clone, Debug)]
pub(crate) struct Listed<'a> {
    pub(crate) after: &'a str,
    pub(crate) limit: usize,
    pub(crate) client: Option<u64>,
}

impl Model {
    pub(crate) fn list(&mut self, place: Place, id: Option<Value>, listed: &Listed<'_>) {
        self.request(place, id, |model, to| {
            let mut objects: Vec<_> = model.objects.iter().collect();
            objects.retain(|object| listed.after < object.name.as_str());
            if let Some(client) = listed.client {
                objects.retain(|object| {
                    let standby = object.standby.iter().map(|&(place, _)| place);
                    let mut places = object.providers.iter().copied().chain(standby);
                    places.any(|place| model.sessions[place].client == client)
                });
            }
            objects.sort_by(|a, b| a.name.cmp(&b.name));
            let is_cut = listed.limit < objects.len();
            objects.truncate(listed.limit);
            let last = objects.last().filter(|_| is_cut);
            let next = last.map(|object| object.name.clone());
            let entries: Vec<_> = objects.iter().map(|object| model.entry(object)).collect();
            let page = json!({ "objects": entries, "next": next });
            model.answer(place, to, json!({ "response": page }));
            None
        });
    }

    fn entry(&self, object: &Object) -> Value {
        let n_items = self.quotas.entry_items;
        let standby: Vec<_> = object.standby.iter().map(|&(place, _)| place).collect();
        let mut entry = json!({ "object": object.name, "mode": object.mode });
        for (key, places) in [("providers", &object.providers), ("standby", &standby)] {
            let peers = places.iter().take(n_items).map(|&place| {
                let session = &self.sessions[place];
                json!({ "client": session.client, "name": session.name })
            });
            entry[key] = peers.collect();
            if n_items < places.len() {
                entry[format!("more_{key}")] = json!(places.len() - n_items);
            }
        }
        entry
    }
}
