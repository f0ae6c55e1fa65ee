//! `ipc listen`: events as they come.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use futures_util::{StreamExt, stream::SelectAll};
use ipc_client::{Client, Event, RawJson, Subscription};
use owo_colors::OwoColorize;
use serde::Serialize;
use tokio::{runtime::Handle, task::spawn_blocking};

use crate::{
    args::{Global, Listen},
    connection,
    escape::escape,
    exit::{Lost, TimedOut},
    json::{self, Layout},
    output::Output,
    stop::{Signals, reader_left},
};

/// An event as it is printed for programs.
#[derive(Serialize)]
struct Line<'a> {
    event: &'a str,
    result: &'a RawJson,
}

pub(crate) async fn run(listen: Listen, global: &Global, output: &Output) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let client = connection::builder(global, "listen").connect().await?;
    let topics = Topics::new(listen.events, listen.pattern);
    let subscriptions = subscribe(&client, &topics).await?;
    output.note(&format!("listening to {}", topics.names.join(", ")));

    let n_printed = Arc::new(AtomicU64::new(0));
    let printer = Printer {
        output: *output,
        topics,
        wanted: listen.count,
        n_printed: Arc::clone(&n_printed),
    };
    // In a thread of its own, for printing blocks while the reader of a pipe pauses: the
    // connection must go on, and signals and the deadline must be seen. It ends with the process.
    let runtime = Handle::current();
    let printing = spawn_blocking(move || runtime.block_on(printer.run(subscriptions)));
    tokio::select! {
        printed = printing => printed?,
        () = elapse(listen.timeout.duration()) => timed_out(listen.count, &n_printed),
        () = signals.recv() => Ok(()),
        () = reader_left() => Ok(()),
        lost = connection::watch(&client, output) => Err(lost.into()),
    }
}

async fn subscribe(client: &Client, topics: &Topics) -> anyhow::Result<Vec<Subscription>> {
    let mut subscriptions = Vec::with_capacity(topics.names.len());
    for name in &topics.names {
        let subscribed = if topics.are_patterns {
            client.listen_pattern(name).await
        } else {
            client.listen(name).await
        };
        let subscription = subscribed.with_context(|| format!("cannot listen to '{name}'"))?;
        subscriptions.push(subscription);
    }
    Ok(subscriptions)
}

async fn elapse(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

/// Only who wants a number of events can get too few.
fn timed_out(wanted: Option<u64>, n_printed: &AtomicU64) -> anyhow::Result<()> {
    let Some(wanted) = wanted else {
        return Ok(());
    };
    let n_printed = n_printed.load(Ordering::Relaxed);
    let message = format!("{n_printed} of {wanted} events came in time");
    Err(TimedOut(message).into())
}

/// What is listened to.
struct Topics {
    names: Vec<String>,
    are_patterns: bool,
}

impl Topics {
    fn new(mut names: Vec<String>, are_patterns: bool) -> Self {
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        Self {
            names,
            are_patterns,
        }
    }

    /// The first of the topics that an event belongs to. Each of them has got it.
    fn first_match(&self, event: &str) -> Option<usize> {
        let matches = |name: &String| {
            if self.are_patterns {
                matches_pattern(name, event)
            } else {
                name == event
            }
        };
        self.names.iter().position(matches)
    }
}

/// Whether an event's name matches a pattern: `*` is one token, a final `>` the rest.
fn matches_pattern(pattern: &str, event: &str) -> bool {
    let mut tokens = event.split('.');
    for wanted in pattern.split('.') {
        match (wanted, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

struct Printer {
    output: Output,
    topics: Topics,
    wanted: Option<u64>,
    n_printed: Arc<AtomicU64>,
}

impl Printer {
    async fn run(self, subscriptions: Vec<Subscription>) -> anyhow::Result<()> {
        let mut items: SelectAll<_> = subscriptions
            .into_iter()
            .enumerate()
            .map(|(index, subscription)| subscription.map(move |item| (index, item)))
            .collect();
        while let Some((index, item)) = items.next().await {
            let event = match item {
                Ok(event) => event,
                Err(lagged) => {
                    self.output
                        .lagged(&self.topics.names[index], lagged.missed());
                    continue;
                }
            };
            if self
                .topics
                .first_match(event.name())
                .is_some_and(|first| first != index)
            {
                continue;
            }
            self.print(&event)?;
            let n_printed = self.n_printed.fetch_add(1, Ordering::Relaxed) + 1;
            if Some(n_printed) == self.wanted {
                return Ok(());
            }
        }
        Err(Lost(None).into())
    }

    fn print(&self, event: &Event) -> anyhow::Result<()> {
        if !self.output.is_text() {
            return self.output.value(&Line {
                event: event.name(),
                result: event.value(),
            });
        }
        let now = jiff::Zoned::now().strftime("%H:%M:%S%.3f").to_string();
        self.output.text(&format!(
            "{}  {}  {}",
            now.dimmed(),
            escape(event.name()).bold(),
            json::show(event.value().as_str(), Layout::Line)
        ))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_belongs_to_the_first_topic_that_matches() {
        let names = ["a.*", "a.>", ">"].map(str::to_owned).to_vec();
        let topics = Topics::new(names.clone(), true);
        for (event, first) in [("a.b", 0), ("a.b.c", 1), ("a", 2), ("x.y", 2)] {
            assert_eq!(topics.first_match(event), Some(first), "{event}");
        }
        let literal = Topics::new(names, false);
        assert_eq!(literal.first_match("a.b"), None);
        assert_eq!(literal.first_match("a.>"), Some(1));
    }

    #[test]
    fn topics_are_listened_to_once() {
        let topics = Topics::new(["b", "a", "b"].map(str::to_owned).to_vec(), false);
        assert_eq!(topics.names, ["b", "a"]);
    }
}
