//! The end of the model's sessions, and what happens when time passes.

use serde_json::json;

use super::{Model, Place};

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Timer {
    Call(u64),
    Wait(u64),
    Drain,
}

impl Model {
    /// The peer sends nothing more.
    pub(crate) fn finish(&mut self, place: Place) {
        self.sessions[place].finished = true;
        self.end_services(place, "left");
    }

    /// The session is over.
    pub(crate) fn end(&mut self, place: Place, reason: &str) {
        if self.sessions[place].ended {
            return;
        }
        self.end_services(place, reason);
        for call in self.calls.clone() {
            if call.caller == place {
                self.counts.calls_cancelled += 1;
                self.abandon_call(&call, None);
            }
        }
        self.waits.retain(|wait| wait.place != place);
        self.sessions[place].ended = true;
        let session = &self.sessions[place];
        if session.announced {
            let result = json!({
                "client": session.client, "name": session.name, "reason": reason,
            });
            self.publish("ipc.client.disconnected", &result);
        }
    }

    fn end_services(&mut self, place: Place, reason: &str) {
        for call in self.calls.clone() {
            if call.provider == place {
                self.close_call(call.n);
                self.refuse(call.caller, &call.to, "provider_gone");
            }
        }
        let session = &mut self.sessions[place];
        session.queue.clear();
        session.subscriptions.clear();
        let mut objects = session.objects.clone();
        objects.sort();
        for name in objects {
            self.release(place, &name, reason);
        }
    }

    /// Bytes came that are no message.
    pub(crate) fn broken(&mut self, place: Place) {
        self.send(place, json!({ "code": "malformed" }));
    }

    /// Time passes, and what is due happens in the order of its deadline.
    pub(crate) fn pass(&mut self, ms: u64) {
        self.now += ms;
        let mut due = Vec::new();
        let mut note = |deadline: Option<u64>, timer| {
            due.extend(deadline.map(|deadline| (deadline, timer)));
        };
        for call in &self.calls {
            note(call.deadline, Timer::Call(call.n));
        }
        for wait in &self.waits {
            note(wait.deadline, Timer::Wait(wait.serial));
        }
        note(self.drain_deadline, Timer::Drain);
        due.retain(|&(deadline, _)| deadline <= self.now);
        due.sort_unstable();
        for (_, timer) in due {
            match timer {
                Timer::Call(n) => {
                    if let Some(call) = self.calls.iter().find(|call| call.n == n).cloned() {
                        self.counts.calls_timed_out += 1;
                        self.abandon_call(&call, Some("timeout"));
                    }
                }
                Timer::Wait(serial) => {
                    let mut waits = self.waits.iter();
                    let wait = waits.find(|wait| wait.serial == serial).cloned().unwrap();
                    self.close_wait(serial);
                    self.answer_missing(&wait);
                }
                Timer::Drain => self.end_drain(),
            }
        }
    }

    pub(crate) fn shut_down(&mut self, drain_ms: u64) {
        self.drain_deadline = Some(self.now + drain_ms);
        for place in 0..self.sessions.len() {
            self.notice(place, "ipc.shutdown", json!({ "grace_ms": drain_ms }));
        }
        for wait in self.waits.clone() {
            self.close_wait(wait.serial);
            self.refuse(wait.place, &wait.to, "shutting_down");
        }
    }

    fn end_drain(&mut self) {
        let mut calls = self.calls.clone();
        calls.sort_by_key(|call| self.sessions[call.provider].slot);
        for call in calls {
            self.abandon_call(&call, Some("shutting_down"));
        }
    }
}
