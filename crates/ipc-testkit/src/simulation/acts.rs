//! What the peers of a simulation do.

use serde_json::{Value, json};

use super::{Player, Simulation, Weather, name};
use crate::model::{Asked, Listed, Place};

const MAX_PLAYERS: usize = 8;
const OBJECTS: [&str; 6] = ["a", "b", "c", "d", "ipc.x", "nobody"];
const MODES: [&str; 4] = ["exclusive", "replace", "queue", "shared"];
const EVENTS: [&str; 6] = ["e.a", "e.b", "e.a.c", "f", "e", "e..c"];
const PATTERNS: [&str; 8] = [
    "e.*",
    ">",
    "e.>",
    "*.a",
    "e.*.c",
    "e..c",
    "ipc.object.>",
    "ipc.>",
];
const TIMEOUTS_MS: [u64; 4] = [0, 5, 50, 500];
const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1000;

impl Simulation {
    pub(super) fn act(&mut self) {
        let alive = self.alive();
        if alive.len() < 3 || alive.len() < MAX_PLAYERS && self.prng.one_in(12) {
            return self.connect();
        }
        if self.prng.one_in(10) {
            return self.let_time_pass();
        }
        let place = *self.prng.pick(&alive);
        let reads_slowly = self.players[place].reads_slowly;
        if self.players[place].is_finished || reads_slowly && self.prng.one_in(3) {
            return self.change_reading(place);
        }
        match self.prng.below(42) {
            0..12 => self.call(place),
            12..22 => self.reply(place),
            22..26 if self.weather == Weather::Calm => self.event(place),
            22..26 => (0..self.prng.below(20)).for_each(|_| self.event(place)),
            26..30 => self.register(place),
            30 => self.unregister(place),
            31..33 => self.listen(place),
            33 => self.unlisten(place),
            34 => self.wait(place),
            35..37 => self.cancel(place),
            37 => self.change_reading(place),
            39..41 => self.list(place),
            38 => {
                self.players[place].was_late |= !self.players[place].lines;
                self.hello(place);
            }
            _ => self.leave(place),
        }
    }

    fn connect(&mut self) {
        let place = self.players.len();
        let name = name(place);
        self.world.connect(&name);
        let session = self.world.session(&name);
        self.model.open(session.slot(), session.client());
        self.players.push(Player::default());
        if self.prng.one_in(2) {
            self.hello(place);
        }
    }

    /// Says hello; who has begun something is told that it is too late.
    fn hello(&mut self, place: Place) {
        let (name, id) = (name(place), json!("hello"));
        let param = json!({ "protocol": 1, "name": name });
        let request = json!({ "object": "ipc", "method": "hello", "param": param });
        self.request(place, request, Some(&id), None);
        self.model.hello(place, &name);
    }

    fn let_time_pass(&mut self) {
        let ms = match self.prng.below(60) {
            0 => YEAR_MS,
            1 => 11_000,
            2..10 => 3_000,
            _ => self.prng.next() % 60,
        };
        self.pass(ms);
    }

    /// An id, mostly; from so few that one is often in flight.
    fn id(&mut self) -> Option<Value> {
        match self.prng.below(4) {
            0 => None,
            1 => Some(json!(format!("id {}", self.prng.below(4)))),
            _ => Some(json!(self.prng.below(10))),
        }
    }

    fn timeout_ms(&mut self) -> Option<u64> {
        let timeout_ms = *self.prng.pick(&TIMEOUTS_MS);
        self.prng.one_in(2).then_some(timeout_ms)
    }

    fn next_n(&mut self) -> u64 {
        self.last_n += 1;
        self.last_n
    }

    /// Sends a request and notes that it is to be answered.
    fn request(&mut self, place: Place, mut request: Value, id: Option<&Value>, call: Option<u64>) {
        if let Some(id) = id {
            request["id"] = id.clone();
        }
        self.ledger.note_request(place, id, call);
        self.send(place, &request.to_string());
    }

    fn call(&mut self, place: Place) {
        let (n, object) = (self.next_n(), *self.prng.pick(&OBJECTS));
        let (id, timeout_ms) = (self.id(), self.timeout_ms());
        let mut request = json!({ "object": object, "method": "m", "param": n });
        if let Some(timeout_ms) = timeout_ms {
            request["timeout_ms"] = json!(timeout_ms);
        }
        self.request(place, request, id.as_ref(), Some(n));
        let asked = Asked {
            n,
            object,
            timeout_ms,
        };
        self.model.call(place, id, &asked);
    }

    /// Answers a call: one of its own mostly, sometimes again, sometimes one of another's.
    fn reply(&mut self, place: Place) {
        let player = &mut self.players[place];
        let mut open = player.taken.iter_mut().filter(|taken| !taken.is_replied);
        let n_open = open.by_ref().count();
        let is_foreign = n_open == 0 || self.prng.one_in(8);
        if is_foreign {
            return self.reply_wrongly(place);
        }
        let player = &mut self.players[place];
        let chosen = if player.lines {
            self.prng.below(n_open)
        } else {
            0
        };
        let mut open = player.taken.iter_mut().filter(|taken| !taken.is_replied);
        let taken = open.nth(chosen).unwrap();
        taken.is_replied = true;
        let taken = *taken;
        let n = taken.n;
        let reply = match (taken.id, self.prng.one_in(4)) {
            (Some(id), false) => format!(r#"{{"response":{n},"id":{id}}}"#),
            (None, false) => format!(r#"{{"response":{n}}}"#),
            // As languages write it that have one type of numbers and write every key.
            (Some(id), true) => format!(r#"{{"id":{id}.0,"error":null,"response":{n}}}"#),
            (None, true) => format!(r#"{{"id":null,"error":null,"response":{n}}}"#),
        };
        self.send(place, &reply);
        self.model.reply(place, Some(n), &json!(n));
    }

    /// Answers what it was not asked, or has answered before.
    fn reply_wrongly(&mut self, place: Place) {
        let player = &self.players[place];
        if player.lines {
            let others = self.players.iter().enumerate();
            let foreign = others
                .filter(|&(other, _)| other != place)
                .flat_map(|(_, other)| &other.taken);
            let late = player.taken.iter().filter(|taken| taken.is_replied);
            let ids: Vec<_> = foreign.chain(late).filter_map(|taken| taken.id).collect();
            let id = if ids.is_empty() {
                0
            } else {
                *self.prng.pick(&ids)
            };
            let reply = json!({ "response": "stolen", "id": id });
            self.send(place, &reply.to_string());
            self.model.reply(place, None, &json!("stolen"));
        } else if !player.reads_slowly && player.taken.iter().all(|taken| taken.is_replied) {
            self.send(place, r#"{"response":"early"}"#);
            self.model.reply(place, None, &json!("early"));
        }
    }

    fn event(&mut self, place: Place) {
        if self.players[place].is_gone {
            // The one before was too much for it.
            return;
        }
        let (n, event) = (self.next_n(), *self.prng.pick(&EVENTS));
        // In rough weather nobody but the broker knows whether an id is in flight.
        let id = match self.weather {
            Weather::Calm => self.id(),
            Weather::Rough => self.prng.one_in(2).then(|| json!("event")),
        };
        let mut ids = id.iter();
        let is_refused = ids.any(|id| self.model.is_in_flight(place, id));
        if !is_refused {
            let players = &self.players;
            let is_open = |place: Place| !players[place].is_gone && !players[place].is_finished;
            self.ledger.note_event(event, is_open);
        }
        let mut message = json!({ "event": event, "result": n });
        if let Some(id) = &id {
            message["id"] = id.clone();
            self.ledger.note_request(place, Some(id), None);
        }
        self.send(place, &message.to_string());
        self.model.event(place, id, event, n);
        self.observe();
    }

    fn register(&mut self, place: Place) {
        let (id, mode) = (self.id(), *self.prng.pick(&MODES));
        let object = OBJECTS[self.prng.below(OBJECTS.len() - 1)];
        let request = json!({ "reg_object": object, "mode": mode });
        self.request(place, request, id.as_ref(), None);
        self.model.register(place, id, object, mode);
    }

    /// Asks for a page of objects, all or one client's.
    fn list(&mut self, place: Place) {
        let id = self.id();
        let after = *self.prng.pick(&["", "a", "b", "bb", "d"]);
        let limit = 1 + self.prng.below(3);
        let of = self.prng.below(self.players.len());
        let client = self.prng.one_in(2).then(|| self.model.sessions[of].client);
        let mut param = json!({ "after": after, "limit": limit });
        if let Some(client) = client {
            param["client"] = json!(client);
        }
        let request = json!({ "object": "ipc", "method": "objects", "param": param });
        self.request(place, request, id.as_ref(), None);
        self.model.list(
            place,
            id,
            &Listed {
                after,
                limit,
                client,
            },
        );
    }

    fn unregister(&mut self, place: Place) {
        let (id, object) = (self.id(), *self.prng.pick(&OBJECTS));
        let param = json!({ "object": object });
        let request = json!({ "object": "ipc", "method": "unregister", "param": param });
        self.request(place, request, id.as_ref(), None);
        self.model.unregister(place, id, object);
    }

    /// An event or a pattern; in rough weather none of the server's own, for the ledger does not
    /// know when there are any.
    fn subscription(&mut self) -> (&'static str, bool) {
        let n_patterns = match self.weather {
            Weather::Calm => PATTERNS.len(),
            Weather::Rough => PATTERNS.len() - 2,
        };
        if self.prng.one_in(2) {
            (*self.prng.pick(&EVENTS), false)
        } else {
            (*self.prng.pick(&PATTERNS[..n_patterns]), true)
        }
    }

    /// Under an id that is used for nothing else, so that the ledger knows that it is not refused.
    fn listen(&mut self, place: Place) {
        let (event, pattern) = self.subscription();
        let id = json!("listen");
        let mut request = json!({ "event_name": event });
        if pattern {
            request["match"] = json!("pattern");
        }
        self.request(place, request, Some(&id), None);
        self.model.listen(place, Some(id), event, pattern);
        // In calm weather there is a quota.
        let heard = &self.model.sessions[place].subscriptions;
        let is_taken = heard.contains(&(event.to_owned(), pattern));
        if is_taken || self.weather == Weather::Rough {
            self.ledger.listen(place, event, pattern);
        }
    }

    fn unlisten(&mut self, place: Place) {
        let (event, pattern) = self.subscription();
        let id = json!("listen");
        let mut param = json!({ "event": event });
        if pattern {
            param["match"] = json!("pattern");
        }
        let request = json!({ "object": "ipc", "method": "unlisten", "param": param });
        self.request(place, request, Some(&id), None);
        self.ledger.unlisten(place, event, pattern);
        self.model.unlisten(place, Some(id), event, pattern);
    }

    fn wait(&mut self, place: Place) {
        let (id, timeout_ms) = (self.id(), self.timeout_ms());
        let n_objects = 1 + self.prng.below(2);
        let mut pick = || (*self.prng.pick(&OBJECTS)).to_owned();
        let objects: Vec<_> = (0..n_objects).map(|_| pick()).collect();
        let mut request = json!({ "list": objects });
        if let Some(timeout_ms) = timeout_ms {
            request["timeout_ms"] = json!(timeout_ms);
        }
        self.request(place, request, id.as_ref(), None);
        self.model.wait(place, id, &objects, timeout_ms);
    }

    fn cancel(&mut self, place: Place) {
        let target = json!(self.prng.below(10));
        let id = json!("cancel");
        let request = json!({ "object": "ipc", "method": "cancel", "param": { "id": target } });
        self.request(place, request, Some(&id), None);
        self.model.cancel(place, Some(id), &target);
    }

    fn change_reading(&mut self, place: Place) {
        let peer = name(place);
        if !self.players[place].reads_slowly {
            self.players[place].reads_slowly = true;
            self.world.stop_reading(&peer);
        } else if self.prng.one_in(2) {
            self.players[place].reads_slowly = false;
            self.world.read_on(&peer);
        } else {
            let n_bytes = self.prng.below(300);
            self.world.read_some(&peer, n_bytes);
        }
    }

    fn leave(&mut self, place: Place) {
        let peer = name(place);
        match self.prng.below(6) {
            0..2 => {
                self.players[place].is_finished = true;
                self.model.finish(place);
                self.world.half_close(&peer);
            }
            2 => {
                self.model.broken(place);
                self.send(place, "nonsense");
            }
            3 => {
                // Half a message does nothing.
                self.send(place, r#"{"reg_object":"a","#);
                self.crash(place);
            }
            _ => self.crash(place),
        }
    }

    fn crash(&mut self, place: Place) {
        self.players[place].is_gone = true;
        self.players[place].has_crashed = true;
        self.world.crash(&name(place));
        self.model.end(place, "failed");
    }
}
