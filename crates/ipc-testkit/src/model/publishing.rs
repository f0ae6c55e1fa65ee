//! The model's events, and who hears them.

use serde_json::{Value, json};

use super::{Model, Place};

impl Model {
    pub(crate) fn listen(&mut self, place: Place, id: Option<Value>, event: &str, pattern: bool) {
        self.request(place, id, |model, to| {
            let subscription = (event.to_owned(), pattern);
            let known = &mut model.sessions[place].subscriptions;
            if !known.contains(&subscription) {
                if model.quotas.subscriptions <= known.len() {
                    return Some("denied");
                }
                known.push(subscription);
            }
            model.acknowledge(place, to, json!({ "success": "OK" }));
            None
        });
    }

    pub(crate) fn unlisten(&mut self, place: Place, id: Option<Value>, event: &str, pattern: bool) {
        self.request(place, id, |model, to| {
            let subscription = (event.to_owned(), pattern);
            let known = &mut model.sessions[place].subscriptions;
            if !known.contains(&subscription) {
                return Some("not_owner");
            }
            known.retain(|other| *other != subscription);
            model.answer(place, to, json!({ "response": { "event": event } }));
            None
        });
    }

    pub(crate) fn event(&mut self, place: Place, id: Option<Value>, event: &str, n: u64) {
        self.request(place, id, |model, to| {
            let delivered = model.publish(event, &json!(n));
            model.acknowledge(
                place,
                to,
                json!({ "success": "OK", "delivered": delivered }),
            );
            None
        });
    }

    pub(super) fn publish(&mut self, event: &str, result: &Value) -> u64 {
        self.counts.events += 1;
        let mut n_delivered = 0;
        for session in &mut self.sessions {
            if !session.ended && hears(&session.subscriptions, event) {
                session
                    .out
                    .push(json!({ "event": event, "result": result }));
                n_delivered += 1;
            }
        }
        self.counts.events_matched += n_delivered;
        n_delivered
    }

    pub(super) fn notice(&mut self, place: Place, event: &str, result: Value) {
        if self.sessions[place].lines {
            self.send(place, json!({ "event": event, "result": result }));
        }
    }

    pub(super) fn announce(&mut self, place: Place) {
        let session = &mut self.sessions[place];
        if !session.announced && !session.ended {
            session.announced = true;
            let result = json!({ "client": session.client, "name": session.name });
            self.publish("ipc.client.connected", &result);
        }
    }
}

/// Whether one of the subscriptions matches the event.
pub(crate) fn hears(subscriptions: &[(String, bool)], event: &str) -> bool {
    let mut subscriptions = subscriptions.iter();
    subscriptions.any(|(text, pattern)| match pattern {
        false => text == event,
        true if event.starts_with("ipc.") && !text.starts_with("ipc.") => false,
        true => {
            let tokens: Vec<_> = text.split('.').collect();
            let parts: Vec<_> = event.split('.').collect();
            matches(&tokens, &parts)
        }
    })
}

fn matches(tokens: &[&str], parts: &[&str]) -> bool {
    match (tokens, parts) {
        ([], []) => true,
        ([">"], [_, ..]) => true,
        ([token, tokens @ ..], [part, parts @ ..]) => {
            (*token == "*" || token == part) && matches(tokens, parts)
        }
        _ => false,
    }
}
