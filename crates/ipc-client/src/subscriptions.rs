//! Who of this client listens to what.
//!
//! The server sends one copy of an event to a connection, so it is this table that hands it to
//! every subscription that matches. Kept by [`Core`](crate::core::Core).

use std::{collections::HashMap, sync::Arc, task::Waker};

use ipc_wire::{Name, Pattern, Payload};

use crate::{Event, Lagged, RawJson, feed::Feed};

/// Stands in `ipc.lost` for all names beyond those that the server counts one by one.
const FURTHER_NAMES: &str = ">";

/// What a subscription listens to.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Topic {
    /// The event of this very name.
    Literal(Name),
    /// All events that match.
    Pattern(Pattern),
}

impl Topic {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Literal(name) => name.as_str(),
            Self::Pattern(pattern) => pattern.as_str(),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    literal: HashMap<Name, Entry>,
    patterns: Vec<(Pattern, Entry)>,
    n_deliveries: u64,
}

#[derive(Debug)]
struct Entry {
    /// The name as events carry it, made once.
    name: Arc<str>,
    /// Where it stands among all that is restored after a reconnect.
    order: u64,
    /// The server has confirmed it at least once; until then its request takes care of it.
    is_confirmed: bool,
    feeds: Vec<Arc<Feed>>,
}

impl Subscriptions {
    pub(crate) fn add(&mut self, topic: &Topic, feed: Arc<Feed>, order: u64) {
        if let Some(entry) = self.entry(topic) {
            entry.feeds.push(feed);
            return;
        }
        let entry = Entry {
            name: topic.as_str().into(),
            order,
            is_confirmed: false,
            feeds: vec![feed],
        };
        match topic {
            Topic::Literal(name) => {
                self.literal.insert(name.clone(), entry);
            }
            Topic::Pattern(pattern) => self.patterns.push((pattern.clone(), entry)),
        }
    }

    pub(crate) fn confirm(&mut self, topic: &Topic) {
        if let Some(entry) = self.entry(topic) {
            entry.is_confirmed = true;
        }
    }

    pub(crate) fn contains(&mut self, topic: &Topic) -> bool {
        self.entry(topic).is_some()
    }

    /// Takes a feed out; whether it was the last one of its topic.
    pub(crate) fn remove(&mut self, topic: &Topic, feed: &Arc<Feed>) -> bool {
        let Some(entry) = self.entry(topic) else {
            return false;
        };
        entry.feeds.retain(|kept| !Arc::ptr_eq(kept, feed));
        if !entry.feeds.is_empty() {
            return false;
        }
        match topic {
            Topic::Literal(name) => {
                self.literal.remove(name);
            }
            Topic::Pattern(pattern) => self.patterns.retain(|(kept, _)| kept != pattern),
        }
        true
    }

    /// Hands an event to every subscription that matches; adds to `wakers` who is to be woken.
    pub(crate) fn deliver(&mut self, name: &str, value: &Payload<'_>, wakers: &mut Vec<Waker>) {
        self.n_deliveries += 1;
        let mut event: Option<Event> = None;
        for (known_name, feed) in self.matching(name) {
            if !feed.is_new(self.n_deliveries) {
                continue;
            }
            let event = event.get_or_insert_with(|| Event {
                name: known_name.map_or_else(|| name.into(), Arc::clone),
                value: RawJson::from_payload(value),
            });
            wakers.extend(feed.push(event.clone()));
        }
    }

    /// Tells every subscription that matches that it missed events. Under [`FURTHER_NAMES`] it may
    /// be any, so all are told.
    pub(crate) fn deliver_lost(&mut self, name: &str, count: u64, wakers: &mut Vec<Waker>) {
        let lagged = Lagged::Missed(count);
        if name == FURTHER_NAMES {
            let entries = self.literal.values();
            let entries = entries.chain(self.patterns.iter().map(|(_, entry)| entry));
            let feeds = entries.flat_map(|entry| &entry.feeds);
            return wakers.extend(feeds.filter_map(|feed| feed.push_lagged(lagged)));
        }
        self.n_deliveries += 1;
        for (_, feed) in self.matching(name) {
            if feed.is_new(self.n_deliveries) {
                wakers.extend(feed.push_lagged(lagged));
            }
        }
    }

    /// What the server has to be asked for after a reconnect, and in which order.
    pub(crate) fn confirmed(&self) -> impl Iterator<Item = (u64, Topic)> {
        let literal = self
            .literal
            .iter()
            .map(|(name, entry)| (entry, Topic::Literal(name.clone())));
        let patterns = self
            .patterns
            .iter()
            .map(|(pattern, entry)| (entry, Topic::Pattern(pattern.clone())));
        literal
            .chain(patterns)
            .filter(|(entry, _)| entry.is_confirmed)
            .map(|(entry, topic)| (entry.order, topic))
    }

    /// Every feed that was receiving before.
    pub(crate) fn confirmed_feeds(&self) -> impl Iterator<Item = &Arc<Feed>> {
        self.entries()
            .filter(|entry| entry.is_confirmed)
            .flat_map(|entry| &entry.feeds)
    }

    pub(crate) fn end(&self, wakers: &mut Vec<Waker>) {
        for feed in self.entries().flat_map(|entry| &entry.feeds) {
            wakers.extend(feed.end());
        }
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        let patterns = self.patterns.iter().map(|(_, entry)| entry);
        self.literal.values().chain(patterns)
    }

    fn entry(&mut self, topic: &Topic) -> Option<&mut Entry> {
        match topic {
            Topic::Literal(name) => self.literal.get_mut(name),
            Topic::Pattern(pattern) => self
                .patterns
                .iter_mut()
                .find_map(|(known, entry)| (known == pattern).then_some(entry)),
        }
    }

    /// The feeds that an event of this name belongs to, with the name as it is already known.
    fn matching(&self, name: &str) -> impl Iterator<Item = (Option<&Arc<str>>, &Arc<Feed>)> {
        let literal = self.literal.get(name).into_iter().flat_map(|entry| {
            entry
                .feeds
                .iter()
                .map(move |feed| (Some(&entry.name), feed))
        });
        let patterns = self
            .patterns
            .iter()
            .filter(move |(pattern, _)| pattern.matches(name))
            .flat_map(|(_, entry)| entry.feeds.iter().map(|feed| (None, feed)));
        literal.chain(patterns)
    }
}
