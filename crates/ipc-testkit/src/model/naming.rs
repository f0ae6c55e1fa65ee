//! The model's objects, and those who wait for them.

use serde_json::{Value, json};

use super::{Model, Object, OpenWait, Place};

impl Model {
    pub(crate) fn register(
        &mut self,
        place: Place,
        id: Option<Value>,
        name: &str,
        mode: &'static str,
    ) {
        self.request(place, id, |model, to| {
            if model.drain_deadline.is_some() {
                return Some("shutting_down");
            }
            if name == "ipc" || name.starts_with("ipc.") {
                return Some("denied");
            }
            let own = &model.sessions[place].objects;
            let is_own = own.iter().any(|known| known == name);
            if !is_own && model.quotas.names <= own.len() {
                return Some("denied");
            }
            let ok = json!({ "success": "OK" });
            let object = model.objects.iter_mut().find(|object| object.name == name);
            if object
                .as_ref()
                .is_some_and(|object| object.providers.contains(&place))
            {
                model.renew(place, name, mode);
                model.answer(place, to, ok);
                return None;
            }
            let mut replaced = None;
            match object {
                None => model.objects.push(Object {
                    name: name.to_owned(),
                    mode,
                    providers: vec![place],
                    standby: Vec::new(),
                    next: 0,
                }),
                Some(object) if mode == "shared" && object.mode == "shared" => {
                    object.standby.retain(|&(other, _)| other != place);
                    object.providers.push(place);
                }
                Some(object) if mode == "replace" && object.providers.len() == 1 => {
                    replaced = Some(object.providers[0]);
                    object.standby.retain(|&(other, _)| other != place);
                    object.providers = vec![place];
                    object.mode = mode;
                }
                Some(object) if mode == "queue" => {
                    if !is_own {
                        object.standby.push((place, mode));
                        model.sessions[place].objects.push(name.to_owned());
                    }
                    model.answer(place, to, ok);
                    return None;
                }
                Some(_) => return Some("name_taken"),
            }
            if !is_own {
                model.sessions[place].objects.push(name.to_owned());
            }
            model.answer(place, to, ok);
            if let Some(replaced) = replaced {
                let objects = &mut model.sessions[replaced].objects;
                objects.retain(|known| known != name);
                model.tell_unregistered(name, replaced, "replaced");
            }
            model.tell_registered(name, place);
            None
        });
    }

    /// A provider registers its own name again, perhaps in another mode.
    fn renew(&mut self, place: Place, name: &str, mode: &'static str) {
        let object = self.objects.iter_mut().find(|object| object.name == name);
        if let Some(object) = object.filter(|object| object.providers == [place]) {
            object.mode = mode;
        }
    }

    pub(crate) fn unregister(&mut self, place: Place, id: Option<Value>, name: &str) {
        self.request(place, id, |model, to| {
            if !model.sessions[place].objects.contains(&name.to_owned()) {
                return Some("not_owner");
            }
            model.release(place, name, "unregistered");
            model.answer(place, to, json!({ "response": { "object": name } }));
            None
        });
    }

    pub(super) fn release(&mut self, place: Place, name: &str, reason: &str) {
        let objects = &mut self.sessions[place].objects;
        objects.retain(|known| known != name);
        let object = self.objects.iter_mut().find(|object| object.name == name);
        let object = object.unwrap();
        if !object.providers.contains(&place) {
            object.standby.retain(|&(other, _)| other != place);
            return;
        }
        object.providers.retain(|&other| other != place);
        let mut successor = None;
        if object.providers.is_empty() && !object.standby.is_empty() {
            let (next, mode) = object.standby.remove(0);
            object.providers.push(next);
            object.mode = mode;
            successor = Some(next);
        }
        self.objects.retain(|object| !object.providers.is_empty());
        self.tell_unregistered(name, place, reason);
        if let Some(successor) = successor {
            self.tell_registered(name, successor);
        }
    }

    fn tell_unregistered(&mut self, name: &str, place: Place, reason: &str) {
        let client = self.sessions[place].client;
        let result = json!({ "object": name, "client": client, "reason": reason });
        self.publish("ipc.object.unregistered", &result);
    }

    fn tell_registered(&mut self, name: &str, place: Place) {
        let result = json!({ "object": name, "client": self.sessions[place].client });
        self.publish("ipc.object.registered", &result);
        for wait in self.waits.clone() {
            if wait.objects.iter().any(|known| known == name) && self.missing(&wait).is_empty() {
                self.close_wait(wait.serial);
                self.answer(wait.place, &wait.to, json!({ "list": wait.objects }));
            }
        }
    }

    pub(crate) fn wait(
        &mut self,
        place: Place,
        id: Option<Value>,
        objects: &[String],
        timeout_ms: Option<u64>,
    ) {
        self.request(place, id, |model, to| {
            model.n_waits += 1;
            let held_ms = match timeout_ms {
                Some(timeout_ms) => timeout_ms,
                None if model.sessions[place].lines => 0,
                None => 100,
            };
            let wait = OpenWait {
                serial: model.n_waits,
                place,
                to: to.clone(),
                objects: objects.to_vec(),
                deadline: Some(model.now + held_ms),
                tells_missing: timeout_ms.is_some(),
            };
            if model.missing(&wait).is_empty() {
                model.answer(place, to, json!({ "list": objects }));
            } else if model.drain_deadline.is_some() {
                return Some("shutting_down");
            } else if held_ms == 0 {
                model.answer_missing(&wait);
            } else if model.quotas.requests <= model.n_requests(place) {
                return Some("busy");
            } else {
                model.waits.push(wait);
            }
            None
        });
    }

    pub(super) fn close_wait(&mut self, serial: u64) {
        self.waits.retain(|wait| wait.serial != serial);
    }

    pub(super) fn answer_missing(&mut self, wait: &OpenWait) {
        let mut answer = json!({ "list": [] });
        if wait.tells_missing {
            answer["missing"] = json!(self.missing(wait));
        }
        self.answer(wait.place, &wait.to, answer);
    }

    fn missing(&self, wait: &OpenWait) -> Vec<String> {
        let is_there = |name: &&String| self.objects.iter().any(|object| object.name == **name);
        let missing = wait.objects.iter().filter(|name| !is_there(name));
        missing.cloned().collect()
    }
}
