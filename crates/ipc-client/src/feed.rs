//! What a subscription has received and its owner has not yet taken.
//!
//! The connection's task pushes, the owner of the subscription takes. A feed is bounded by number
//! and by size; what does not fit is counted, and the count stands where the events would.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use serde::de::DeserializeOwned;

use crate::RawJson;

/// The most that one feed keeps, whatever the number of events: as much as the server's outbox
/// of a connection.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// What an event costs beside its name and its value.
const EVENT_BYTES: usize = 64;

/// An event that was received.
#[derive(Clone, Debug)]
pub struct Event {
    pub(crate) name: Arc<str>,
    pub(crate) value: RawJson,
}

impl Event {
    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads the event's value.
    ///
    /// # Errors
    ///
    /// What `serde_json` says when the value is not of that type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        self.value.parse()
    }

    /// The event's value as it was written.
    #[must_use]
    pub const fn value(&self) -> &RawJson {
        &self.value
    }

    fn size(&self) -> usize {
        EVENT_BYTES + self.name.len() + self.value.len()
    }
}

/// Events were missed at this place of the stream; those that follow are received again.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Lagged {
    /// So many, because this subscription or this connection was too slow. When a connection misses
    /// events of very many names, each of its subscriptions is told the sum of what the server has
    /// not counted by name: at most so many.
    #[error("{0} events were missed")]
    Missed(u64),
    /// Perhaps some, because the connection was lost for a while.
    #[error("the connection was lost for a while; events may have been missed")]
    Disconnected,
}

impl Lagged {
    /// How many events were missed, where it is known.
    #[must_use]
    pub const fn missed(&self) -> Option<u64> {
        match self {
            Self::Missed(n_events) => Some(*n_events),
            Self::Disconnected => None,
        }
    }
}

/// The queue between the connection and one subscription.
#[derive(Debug)]
pub(crate) struct Feed {
    max_events: usize,
    /// The delivery that reached it last: an event may match several of its topics.
    last_delivery: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Result<Event, Lagged>>,
    n_events: usize,
    bytes: usize,
    waker: Option<Waker>,
    is_ended: bool,
}

impl Feed {
    pub(crate) fn new(max_events: usize) -> Self {
        Self {
            max_events,
            last_delivery: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// Whether this delivery, counted from 1, has not reached it yet.
    pub(crate) fn is_new(&self, delivery: u64) -> bool {
        // Deliveries are made one after the other, under the core's lock.
        self.last_delivery.swap(delivery, Ordering::Relaxed) != delivery
    }

    /// Adds an event, or counts it as missed. What is returned is to be woken.
    pub(crate) fn push(&self, event: Event) -> Option<Waker> {
        let mut state = self.lock();
        let is_full = self.max_events <= state.n_events
            || (0 < state.n_events && MAX_BYTES < state.bytes + event.size());
        if is_full {
            state.mark(Lagged::Missed(1));
        } else {
            state.n_events += 1;
            state.bytes += event.size();
            state.items.push_back(Ok(event));
        }
        state.waker.take()
    }

    /// Notes that events were missed before they came here.
    pub(crate) fn push_lagged(&self, lagged: Lagged) -> Option<Waker> {
        let mut state = self.lock();
        state.mark(lagged);
        state.waker.take()
    }

    /// Ends the feed after what it holds.
    pub(crate) fn end(&self) -> Option<Waker> {
        let mut state = self.lock();
        state.is_ended = true;
        state.waker.take()
    }

    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Event, Lagged>>> {
        // Declared before the lock is taken, so that it is dropped after that is released.
        let _replaced;
        let mut state = self.lock();
        match state.items.pop_front() {
            Some(item) => {
                if let Ok(event) = &item {
                    state.n_events -= 1;
                    state.bytes -= event.size();
                }
                Poll::Ready(Some(item))
            }
            None if state.is_ended => Poll::Ready(None),
            None => {
                _replaced = state.waker.replace(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, so a poisoned state would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds a mark to the marks after the last event, at most one of each kind.
    fn mark(&mut self, lagged: Lagged) {
        let after_events = self
            .items
            .iter_mut()
            .rev()
            .map_while(|item| item.as_mut().err());
        for mark in after_events {
            match (mark, lagged) {
                (Lagged::Missed(n_events), Lagged::Missed(more)) => {
                    *n_events += more;
                    return;
                }
                (Lagged::Disconnected, Lagged::Disconnected) => return,
                (Lagged::Missed(_), Lagged::Disconnected)
                | (Lagged::Disconnected, Lagged::Missed(_)) => {}
            }
        }
        self.items.push_back(Err(lagged));
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;

    fn event(value: &str) -> Event {
        Event {
            name: "e".into(),
            value: RawJson::from_text(value).unwrap(),
        }
    }

    fn take(feed: &Feed) -> Vec<String> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut taken = Vec::new();
        while let Poll::Ready(Some(item)) = feed.poll_next(&mut cx) {
            taken.push(match item {
                Ok(event) => event.value().to_string(),
                Err(lagged) => lagged.to_string(),
            });
        }
        taken
    }

    #[test]
    fn what_does_not_fit_is_counted_where_it_would_stand() {
        let feed = Feed::new(2);
        for value in ["1", "2", "3", "4"] {
            feed.push(event(value));
        }
        assert_eq!(take(&feed), ["1", "2", "2 events were missed"]);
        feed.push(event("5"));
        feed.push_lagged(Lagged::Missed(7));
        feed.push(event("6"));
        feed.push(event("7"));
        assert_eq!(
            take(&feed),
            ["5", "7 events were missed", "6", "1 events were missed"]
        );
    }

    #[test]
    fn a_feed_that_nobody_takes_from_does_not_grow_with_reconnects() {
        let feed = Feed::new(1);
        feed.push(event("1"));
        for _ in 0..100 {
            feed.push_lagged(Lagged::Disconnected);
            feed.push(event("2"));
        }
        assert_eq!(feed.lock().items.len(), 3);
    }

    #[test]
    fn names_count_as_values_do() {
        let feed = Feed::new(1024);
        for _ in 0..4 {
            feed.push(Event {
                name: "x".repeat(MAX_BYTES / 2 - 2 * EVENT_BYTES).into(),
                value: RawJson::default(),
            });
        }
        let mut cx = Context::from_waker(Waker::noop());
        let mut n_events = 0;
        while let Poll::Ready(Some(Ok(_))) = feed.poll_next(&mut cx) {
            n_events += 1;
        }
        assert_eq!(n_events, 2);
    }

    #[test]
    fn a_waker_that_another_replaces_ends_outside_of_the_lock() {
        struct Ending(Arc<Feed>, Arc<AtomicU64>);

        impl Wake for Ending {
            fn wake(self: Arc<Self>) {}
        }

        impl Drop for Ending {
            fn drop(&mut self) {
                let is_free = self.0.state.try_lock().is_ok();
                self.1.fetch_add(u64::from(is_free), Ordering::Relaxed);
            }
        }

        let feed = Arc::new(Feed::new(1));
        let n_ended = Arc::new(AtomicU64::new(0));
        let waker = Waker::from(Arc::new(Ending(Arc::clone(&feed), Arc::clone(&n_ended))));
        assert!(
            feed.poll_next(&mut Context::from_waker(&waker))
                .is_pending()
        );
        drop(waker);
        assert_eq!(take(&feed).len(), 0);
        assert_eq!(n_ended.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_feed_is_bounded_by_size_but_takes_one_event_of_any_size() {
        let feed = Feed::new(1024);
        let large = format!("\"{}\"", "x".repeat(MAX_BYTES));
        feed.push(event(&large));
        feed.push(event("1"));
        assert_eq!(take(&feed), [large, "1 events were missed".to_owned()]);
    }
}
