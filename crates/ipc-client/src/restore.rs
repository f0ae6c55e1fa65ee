//! After a reconnect: registering and listening again what the application still holds.
//!
//! Everything is asked for at once, in the order in which it was asked for first, before any
//! request of the application is sent. What the server refuses is tried again with growing
//! pauses, for a name that somebody took meanwhile may become free.

use std::{
    future::{pending, poll_fn},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    DisconnectReason, RegistrationState, RequestError,
    core::{Core, Submitted, Timing},
    outgoing::{ListenMessage, Outgoing, RegisterMessage},
    pending::Ended,
    shared::Shared,
    subscriptions::Topic,
};

/// How long the server has for each answer before it is asked again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The first pause before what was refused is tried again; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Something to be restored.
#[derive(Clone, Debug)]
enum Item {
    Object {
        object: Arc<str>,
        serial: u64,
        message: Arc<RegisterMessage>,
    },
    Topic(Topic),
}

/// Something that is being restored, and the request for it, if there is an answer to wait for.
pub(crate) struct Restored<'a> {
    item: Item,
    outcome: Result<Option<Ticket<'a>>, RequestError>,
}

/// The right to the answer of a request.
struct Ticket<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Ticket<'_> {
    async fn ended(&self) -> Ended {
        poll_fn(|cx| self.shared.poll_ended(self.id, cx.waker())).await
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.shared.abandon(self.id, false);
    }
}

/// Queues requests for all that stood before.
pub(crate) fn queue(shared: &Shared) -> Vec<Restored<'_>> {
    shared.with_core(|core| {
        let objects = core.objects.confirmed().map(|(serial, object, message)| {
            let item = Item::Object {
                object,
                serial,
                message,
            };
            (serial, item)
        });
        let topics = core.subscriptions.confirmed();
        let topics = topics.map(|(order, topic)| (order, Item::Topic(topic)));
        let mut items: Vec<_> = objects.chain(topics).collect();
        items.sort_by_key(|(order, _)| *order);
        let items = items
            .into_iter()
            .map(|(_, item)| submit(shared, core, item));
        items.collect()
    })
}

/// Waits for the answers and tries again what was refused; never ends.
pub(crate) async fn finish<'a>(
    shared: &'a Shared,
    mut restored: Vec<Restored<'a>>,
) -> DisconnectReason {
    let mut pause = FIRST_PAUSE;
    loop {
        let mut refused = Vec::new();
        for Restored { item, outcome } in restored {
            match conclude(outcome).await {
                Ok(()) => item.set_active(shared),
                Err(error) => {
                    item.set_refused(shared, &error);
                    refused.push(item);
                }
            }
        }
        if refused.is_empty() {
            return pending().await;
        }
        tokio::time::sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
        restored = shared.with_core(|core| {
            refused.retain(|item| item.is_wanted(core));
            let submitted = refused.into_iter().map(|item| submit(shared, core, item));
            submitted.collect()
        });
    }
}

fn submit<'a>(shared: &'a Shared, core: &mut Core, item: Item) -> Restored<'a> {
    let outgoing = match &item {
        Item::Object { message, .. } => Outgoing::Register(Arc::clone(message)),
        Item::Topic(topic) => Outgoing::Listen(ListenMessage::new(topic)),
    };
    let now = Instant::now();
    let timing = Timing {
        now,
        deadline: Some(now + ANSWER_TIMEOUT),
    };
    let outcome = match core.submit(&outgoing, timing, None) {
        Ok(Submitted::Sent(id)) => Ok(Some(Ticket { shared, id })),
        Ok(Submitted::Unanswered | Submitted::Blocked(_)) => Ok(None),
        Err(error) => Err(*error),
    };
    Restored { item, outcome }
}

async fn conclude(outcome: Result<Option<Ticket<'_>>, RequestError>) -> Result<(), RequestError> {
    let Some(ticket) = outcome? else {
        return Ok(());
    };
    match ticket.ended().await {
        Ended::Answered(answer) => answer.into_success(),
        Ended::TimedOut | Ended::NotSent => Err(RequestError::Timeout),
        Ended::Lost | Ended::Unwritten => Err(RequestError::Disconnected),
    }
}

impl Item {
    fn set_active(&self, shared: &Shared) {
        if let Self::Object { object, serial, .. } = self {
            shared.confirm_object(object, *serial);
        }
    }

    fn set_refused(&self, shared: &Shared, error: &RequestError) {
        let Self::Object { object, serial, .. } = self else {
            return;
        };
        let message = match error {
            RequestError::Refused { message, .. } => message.clone(),
            error => error.to_string(),
        };
        shared.with_core(|core| {
            if let Some(entry) = core.objects.get_mut(object, *serial) {
                entry
                    .states
                    .send_replace(RegistrationState::Refused { message });
            }
        });
    }

    /// Whether the application still holds it.
    fn is_wanted(&self, core: &mut Core) -> bool {
        match self {
            Self::Object { object, serial, .. } => core.objects.get_mut(object, *serial).is_some(),
            Self::Topic(topic) => core.subscriptions.contains(topic),
        }
    }
}
