//! `ipc listen`: events as they come.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Context;
use ipc_client::{Client, Event, RawJson, RequestError, Subscription};
use owo_colors::OwoColorize;
use serde::Serialize;
use tokio::{
    runtime::Handle,
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

use crate::{
    args::{Global, Listen},
    connection::{self, LEAST_TIME},
    escape::escape,
    exit::{Lost, TimedOut, Usage},
    json::{self, Layout},
    names::{self, Topic},
    output::Output,
    patience::Patience,
    stop::reader_left,
};

/// An event as it is printed for programs.
#[derive(Serialize)]
struct Line<'a> {
    event: &'a str,
    result: &'a RawJson,
}

pub(crate) async fn run(listen: Listen, global: &Global, output: &Output) -> anyhow::Result<()> {
    if !listen.literal.literal
        && let Some(note) = names::shell_note(&listen.events, listen.pattern)
    {
        output
            .without_blocking(move |output| output.note(&note))
            .await;
    }
    let topics = Topics::new(&listen)?;
    let patience = listen.timeout;
    let timeout = patience.and_then(Patience::duration);
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let builder = connection::builder_within(global, "listen", timeout);
    let client = connection::connect(builder, patience, global, output).await?;
    let names = topics.names();
    let subscribed_by = deadline.map(|deadline| deadline.max(Instant::now() + LEAST_TIME));
    let subscription = tokio::select! {
        subscription = subscribe(&client, &topics) => subscription?,
        () = elapse(subscribed_by) => {
            let what = format!("cannot listen to {}", names.join(", "));
            return Err(anyhow::Error::new(RequestError::Timeout).context(what));
        }
    };
    let note = format!("listening to {}", names.join(", "));
    output
        .without_blocking(move |output| output.note(&note))
        .await;

    let n_printed = Arc::new(AtomicU64::new(0));
    let printer = Printer {
        output: *output,
        names,
        wanted: listen.count,
        n_printed: Arc::clone(&n_printed),
    };
    // In a thread of its own, for printing blocks while the reader of a pipe pauses: the
    // connection must go on, and the deadline must be seen. It ends with the process.
    let runtime = Handle::current();
    let printing = spawn_blocking(move || runtime.block_on(printer.run(subscription)));
    tokio::select! {
        printed = printing => printed?,
        () = elapse(deadline) => timed_out(listen.count, &n_printed),
        () = reader_left() => Ok(()),
        lost = connection::watch(&client, output) => Err(lost.into()),
    }
}

/// One subscription to all topics, so that their events keep their order.
async fn subscribe(client: &Client, topics: &Topics) -> anyhow::Result<Subscription> {
    let mut subscription: Option<Subscription> = None;
    for Topic { name, is_pattern } in &topics.0 {
        let subscribed = match (&mut subscription, is_pattern) {
            (None, false) => client
                .listen(name)
                .await
                .map(|begun| subscription = Some(begun)),
            (None, true) => client
                .listen_pattern(name)
                .await
                .map(|begun| subscription = Some(begun)),
            (Some(begun), false) => begun.add(name).await,
            (Some(begun), true) => begun.add_pattern(name).await,
        };
        subscribed.with_context(|| format!("cannot listen to '{name}'"))?;
    }
    subscription.context("there is nothing to listen to")
}

async fn elapse(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
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

/// What is listened to, each once.
struct Topics(Vec<Topic>);

impl Topics {
    fn new(listen: &Listen) -> Result<Self, Usage> {
        let mut seen = HashSet::new();
        let names = listen.events.iter().filter(|name| seen.insert(*name));
        names
            .map(|name| Topic::new(name.clone(), listen.pattern, listen.literal))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|topic| topic.name.clone()).collect()
    }
}

struct Printer {
    output: Output,
    names: Vec<String>,
    wanted: Option<u64>,
    n_printed: Arc<AtomicU64>,
}

impl Printer {
    async fn run(self, mut subscription: Subscription) -> anyhow::Result<()> {
        while let Some(item) = subscription.recv().await {
            let event = match item {
                Ok(event) => event,
                Err(lagged) => {
                    let topics = self.names.clone();
                    self.output
                        .without_blocking(move |output| output.lagged(&topics, lagged.missed()))
                        .await;
                    continue;
                }
            };
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
