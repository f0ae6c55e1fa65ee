//! `ipc send --lines`: an event for each line of standard input.
//!
//! Events are sent as the lines come and in their order. A bounded number is on the way without an
//! answer, so the input is read as fast as the server takes it. The first line that cannot be sent
//! ends it: to skip it would leave a gap that nobody notices.

mod reader;

use std::{collections::VecDeque, future::poll_fn, pin::Pin, task::Poll};

use anyhow::Context;
use ipc_client::{Client, EmitFuture, RawJson, RequestError};
use serde::Serialize;
use tokio::{sync::mpsc, task::spawn_blocking};

use self::reader::{Batch, Line, Reader};
use crate::{
    args::{Global, Lines, Send},
    connection,
    exit::Usage,
    output::Output,
    param,
    stream::Stdin,
};

/// How many events are on the way without an answer: enough that the server never waits for the
/// next one, and a fraction of the requests that it allows a connection.
const MAX_ON_THE_WAY: usize = 512;

/// How many bytes they may have, unless it is one event alone: half of what the client queues, so
/// that no event ever waits there and is overtaken.
const MAX_ON_THE_WAY_BYTES: usize = 4 * 1024 * 1024;

/// What the lines are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    Json,
    Text,
}

impl Form {
    /// What the command line says; none when it does not speak of lines.
    pub(super) const fn of(lines: Lines) -> Option<Self> {
        match (lines.lines, lines.string_lines) {
            (true, _) => Some(Self::Json),
            (_, true) => Some(Self::Text),
            (false, false) => None,
        }
    }

    /// The value that a line is; none for a blank one.
    fn value(self, line: Line) -> Result<Option<RawJson>, Usage> {
        let name = format!("line {}", line.number);
        let text = param::text_of(&name, line.bytes)?;
        match self {
            Self::Json if text.trim().is_empty() => Ok(None),
            Self::Json => RawJson::from_text(text.trim_end())
                .map(Some)
                .map_err(|error| {
                    // Its own count of lines is always 1.
                    let (column, error) = (error.column(), error.to_string());
                    let error = error.split(" at line ").next().unwrap_or_default();
                    Usage(format!(
                        "{name} is not JSON: {error} at column {column} (for lines of text, write \
                         --string-lines)"
                    ))
                }),
            Self::Text => {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                if text.is_empty() {
                    return Ok(None);
                }
                param::string(text).map(Some)
            }
        }
    }
}

/// What was sent, in all.
#[derive(Serialize)]
struct Sum {
    sent: u64,
    /// A server of the seed system does not say it.
    delivered: Option<u64>,
}

pub(super) async fn run(
    send: &Send,
    form: Form,
    global: &Global,
    output: &Output,
) -> anyhow::Result<()> {
    let server = connection::connect_once(global, "send", send.timeout, output).await?;
    let client = &server.client;
    let mut events = Events::new(client, &send.event);
    if let Err(error) = send_all(&mut events, form, output).await {
        // What is wrong with a line says nothing about those before it.
        if error.is::<Usage>() {
            events.confirm_all().await.ok();
        }
        let error = connection::explain(client, error).await;
        return Err(events.explain(error));
    }
    let sum = Sum {
        sent: events.n_sent,
        delivered: (!client.is_seed()).then_some(events.n_delivered),
    };
    if output.is_text() {
        output.text(&show(&sum))?;
    } else {
        output.value(&sum)?;
    }
    client.close().await?;
    Ok(())
}

async fn send_all(events: &mut Events<'_>, form: Form, output: &Output) -> anyhow::Result<()> {
    // What is read ahead is one batch. The thread may outlive this: it ends with the process.
    let (into_batches, mut batches) = mpsc::channel::<Result<Batch, Usage>>(1);
    spawn_blocking(move || {
        let mut reader = Reader::new(Stdin);
        while let Some(batch) = reader.read_batch() {
            if into_batches.blocking_send(batch).is_err() {
                return;
            }
        }
    });
    let client = events.client;
    loop {
        tokio::select! {
            // Only when nothing is on the way does it take this to notice.
            biased;
            confirmed = events.confirm_one(), if !events.on_the_way.is_empty() => confirmed?,
            batch = batches.recv() => {
                let Some(batch) = batch else { break };
                for line in batch? {
                    let number = line.number;
                    if let Some(value) = form.value(line)? {
                        events.send(number, &value).await?;
                    }
                }
            }
            lost = connection::watch(client, output) => return Err(lost.into()),
        }
    }
    events.confirm_all().await
}

/// `3 events sent; 6 deliveries`
fn show(sum: &Sum) -> String {
    let sent = match sum.sent {
        1 => "1 event sent".to_owned(),
        n_sent => format!("{n_sent} events sent"),
    };
    match sum.delivered {
        None => sent,
        Some(0) => format!("{sent}; nobody listened"),
        Some(1) => format!("{sent}; 1 delivery"),
        Some(n_delivered) => format!("{sent}; {n_delivered} deliveries"),
    }
}

/// The events of one run.
struct Events<'a> {
    client: &'a Client,
    event: &'a str,
    /// In the order of the lines.
    on_the_way: VecDeque<OnTheWay>,
    n_bytes: usize,
    n_sent: u64,
    n_delivered: u64,
}

/// An event that is not answered yet.
struct OnTheWay {
    line: u64,
    n_bytes: usize,
    answer: EmitFuture,
}

impl<'a> Events<'a> {
    const fn new(client: &'a Client, event: &'a str) -> Self {
        Self {
            client,
            event,
            on_the_way: VecDeque::new(),
            n_bytes: 0,
            n_sent: 0,
            n_delivered: 0,
        }
    }

    /// Sends an event as soon as there is room for it.
    async fn send(&mut self, line: u64, value: &RawJson) -> anyhow::Result<()> {
        let n_bytes = value.as_str().len();
        while self.is_full(n_bytes) {
            self.confirm_one().await?;
        }
        let mut answer = self.client.emit(self.event, value).into_future();
        // It is sent when it is polled first, so the order of the lines is that of the events.
        let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut answer).poll(cx))).await;
        match polled {
            Poll::Ready(answer) => {
                if self.client.is_seed() {
                    // It confirms nothing, and what is queued when the client closes may be lost.
                    let flushed = self.client.flush().await;
                    flushed.with_context(|| format!("line {line}"))?;
                }
                self.confirmed(line, answer)
            }
            Poll::Pending => {
                self.n_bytes += n_bytes;
                self.on_the_way.push_back(OnTheWay {
                    line,
                    n_bytes,
                    answer,
                });
                Ok(())
            }
        }
    }

    fn is_full(&self, n_bytes: usize) -> bool {
        let n_events = self.on_the_way.len();
        0 < n_events
            && (n_events == MAX_ON_THE_WAY || MAX_ON_THE_WAY_BYTES < self.n_bytes + n_bytes)
    }

    /// Waits for the answer to the first event on the way.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the answer is still to come.
    async fn confirm_one(&mut self) -> anyhow::Result<()> {
        let Some(first) = self.on_the_way.front_mut() else {
            return Ok(());
        };
        let answer = poll_fn(|cx| Pin::new(&mut first.answer).poll(cx)).await;
        let (line, n_bytes) = (first.line, first.n_bytes);
        self.on_the_way.pop_front();
        self.n_bytes -= n_bytes;
        self.confirmed(line, answer)
    }

    async fn confirm_all(&mut self) -> anyhow::Result<()> {
        while !self.on_the_way.is_empty() {
            self.confirm_one().await?;
        }
        Ok(())
    }

    fn confirmed(&mut self, line: u64, answer: Result<u64, RequestError>) -> anyhow::Result<()> {
        let n_delivered = answer.with_context(|| format!("line {line}"))?;
        self.n_sent += 1;
        self.n_delivered += n_delivered;
        Ok(())
    }

    /// Says how far it came.
    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let sent = match self.n_sent {
            1 => "stopped after 1 event".to_owned(),
            n_sent => format!("stopped after {n_sent} events"),
        };
        error.context(match self.on_the_way.len() {
            0 => sent,
            n_more => format!("{sent} ({n_more} more may have been sent)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(form: Form, line: &str) -> Result<Option<String>, String> {
        let line = Line {
            number: 7,
            bytes: line.as_bytes().to_vec(),
        };
        match form.value(line) {
            Ok(json) => Ok(json.map(|json| json.to_string())),
            Err(Usage(message)) => Err(message),
        }
    }

    #[test]
    fn a_line_is_json_as_it_was_written_or_text_without_its_end() {
        for (form, line, json) in [
            (Form::Json, " {\"a\": 1.10} \r\n", Some(" {\"a\": 1.10}")),
            (Form::Json, "null", Some("null")),
            (Form::Json, " \t\r\n", None),
            (Form::Json, "\n", None),
            (Form::Text, "null\n", Some("\"null\"")),
            (Form::Text, " hi \r\n", Some("\" hi \"")),
            (Form::Text, "a\r\r\n", Some("\"a\\r\"")),
            (Form::Text, "\r\n", None),
            (Form::Text, "", None),
        ] {
            assert_eq!(value(form, line).unwrap().as_deref(), json, "{line:?}");
        }
    }

    #[test]
    fn a_line_that_is_not_json_is_named_by_its_number() {
        assert_eq!(
            value(Form::Json, "{\"a\":x}\n").unwrap_err(),
            "line 7 is not JSON: expected value at column 6 (for lines of text, write \
             --string-lines)"
        );
    }
}
