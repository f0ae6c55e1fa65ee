//! What the [`Core`] does about calls to the objects of this client: letting them in, handing them
//! to the [serving](crate::serving) task, queueing their answers.

use ipc_wire::{Call, Message, Reply, Text};
use tokio::time::Instant;

use crate::{
    ObjectError,
    core::Core,
    incoming::CallId,
    outbox::{Outbox, TooLarge},
    outgoing::literal,
    serving::{Outcome, Turn},
};

impl Core {
    /// Lets a call that came wait to be served.
    ///
    /// # Errors
    ///
    /// The error that it is to be answered with instead.
    pub(crate) fn admit(
        &mut self,
        call: &Call<'_>,
        now: &mut Option<Instant>,
    ) -> Result<(), (CallId, ObjectError)> {
        self.incoming.admit(call, &mut self.objects, now)?;
        self.wake_serving();
        Ok(())
    }

    /// Ends a call that its caller gave up.
    pub(crate) fn cancel(&mut self, id: CallId) {
        self.incoming.cancel(id, &mut self.effects.ended);
        self.wake_serving();
    }

    /// Answers a call that ran in a task of its own.
    pub(crate) fn finish(&mut self, id: CallId, outcome: &Outcome) {
        self.reply(&id, outcome);
        self.incoming.finish(id);
        self.wake_serving();
    }

    /// Queues the answers of the serving task's last turn if there is room; whether there was. A
    /// call among them that was given up meanwhile is answered as well: the server drops it.
    pub(crate) fn end_turn(&mut self, turn: &mut Turn) -> bool {
        if self.incoming.is_current(turn.epoch) && !turn.answers.is_empty() {
            if self.outbox.is_full() {
                return false;
            }
            self.outbox.append(&mut turn.answers);
            self.wake_writer();
        }
        self.incoming.note_started(turn, &mut self.effects.ended);
        true
    }

    /// Gives the serving task its next calls; whether there are any. If not, it is to wait.
    pub(crate) fn begin_turn(&mut self, turn: &mut Turn) -> bool {
        self.outbox.prepare(&mut turn.answers);
        self.incoming.take(turn);
        self.is_serving_idle = turn.jobs.is_empty();
        !self.is_serving_idle
    }

    /// Queues the answer to a call.
    pub(crate) fn reply(&mut self, id: &CallId, outcome: &Outcome) {
        self.outbox.reply(id, outcome);
        self.wake_writer();
    }

    fn wake_serving(&mut self) {
        if self.is_serving_idle && self.incoming.is_ready() {
            self.is_serving_idle = false;
            self.effects.serve = true;
        }
    }
}

impl Outbox {
    /// Adds the answer to a call.
    pub(crate) fn reply(&mut self, id: &CallId, outcome: &Outcome) {
        let Err(too_large) = self.push_reply(id, outcome) else {
            return;
        };
        let text = format!("the response has {} bytes, too many", too_large.bytes);
        // An error of a few words; a server that takes less than that cannot be answered.
        drop(self.push_reply(id, &Err(ObjectError::text(text))));
    }

    fn push_reply(&mut self, id: &CallId, outcome: &Outcome) -> Result<(), TooLarge> {
        let code;
        let outcome = match outcome {
            Ok(response) => ipc_wire::Outcome::Response(response.payload()),
            Err(error) => {
                code = error.code().map(|code| literal(code.as_str()));
                ipc_wire::Outcome::Error {
                    error: error.payload(),
                    code: code.as_deref().map(Text::from_literal),
                }
            }
        };
        let reply = Reply {
            outcome,
            more: false,
            id: id.for_reply(),
        };
        self.push(&Message::Reply(reply), None).map(drop)
    }
}
