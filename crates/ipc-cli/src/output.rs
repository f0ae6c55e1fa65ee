//! Where everything that the tool says goes through: data to standard output, all else to standard
//! error, each in the form and with the colours that its reader wants.

use std::{
    borrow::Cow,
    env,
    io::{self, IsTerminal},
};

use anstream::{ColorChoice, adapter::strip_str};
use anyhow::Context;
use ipc_client::RawJson;
use owo_colors::OwoColorize;
use serde::Serialize;

use crate::{
    args::{Color, Global},
    escape::escape,
    exit::Verdict,
    json, stderr_turn, stream,
};

/// What readers of the two streams want.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Text for people; otherwise one JSON value a line.
    is_text: bool,
    has_json_errors: bool,
    is_quiet: bool,
    stdout: Stream,
    stderr: Stream,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    is_terminal: bool,
    color: ColorChoice,
}

impl Stream {
    fn new(is_terminal: bool, color: Color) -> Self {
        let is_colored = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && !is_set("NO_COLOR") && !is_dumb(),
        };
        let color = if is_colored {
            ColorChoice::Always
        } else {
            ColorChoice::Never
        };
        Self { is_terminal, color }
    }

    /// A line as this stream is to have it.
    fn line(self, text: &str) -> String {
        let mut line = match self.color {
            ColorChoice::Never => strip_str(text).to_string(),
            _ => text.to_owned(),
        };
        line.push('\n');
        line
    }
}

/// An empty variable counts as none, as no-color.org has it.
fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}

impl Output {
    /// For what is said before the command line is understood.
    pub(crate) fn unparsed(has_json_errors: bool) -> Self {
        Self {
            is_text: true,
            has_json_errors,
            is_quiet: false,
            stdout: Stream::new(io::stdout().is_terminal(), Color::Auto),
            stderr: Stream::new(io::stderr().is_terminal(), Color::Auto),
        }
    }

    pub(crate) fn new(global: &Global) -> Self {
        let stdout = Stream::new(io::stdout().is_terminal(), global.color);
        let stderr = Stream::new(io::stderr().is_terminal(), global.color);
        Self {
            is_text: global.text || (stdout.is_terminal && !global.json),
            has_json_errors: global.json,
            is_quiet: global.quiet,
            stdout,
            stderr,
        }
    }

    /// Whether the data is for people.
    pub(crate) const fn is_text(&self) -> bool {
        self.is_text
    }

    /// Whether somebody watches standard error.
    pub(crate) const fn is_watched(&self) -> bool {
        self.stderr.is_terminal && !self.is_quiet
    }

    /// Whether `--json` was given, rather than guessed.
    pub(crate) const fn is_json_wanted(&self) -> bool {
        self.has_json_errors
    }

    /// Whether tables are to have colours.
    pub(crate) fn is_colored(&self) -> bool {
        self.stdout.color == ColorChoice::Always
    }

    /// Prints JSON text on a line of its own: into a pipe as it is.
    pub(crate) fn json(&self, text: &str) -> anyhow::Result<()> {
        let line = json::one_line(text);
        if self.stdout.is_terminal || self.is_colored() {
            return self.text(&json::paint(&line));
        }
        // In one write, so that a line is whole wherever the reader stops.
        self.raw(format!("{line}\n").as_bytes())
    }

    /// Prints a value as JSON on a line of its own.
    pub(crate) fn value(&self, value: &impl Serialize) -> anyhow::Result<()> {
        self.json(&serde_json::to_string(value)?)
    }

    /// Prints lines for people; what peers said in them is escaped already.
    pub(crate) fn text(&self, lines: &str) -> anyhow::Result<()> {
        let lines = self.stdout.line(lines.trim_end_matches('\n'));
        self.raw(lines.as_bytes())
    }

    /// Prints bytes as they are.
    pub(crate) fn raw(&self, bytes: &[u8]) -> anyhow::Result<()> {
        stream::write_stdout(bytes).context("cannot write to standard output")
    }

    /// Shows what the parser of the command line has to say: help that was asked for on standard
    /// output, what is wrong on standard error.
    pub(crate) fn command_line(&self, said: &clap::Error) -> anyhow::Result<()> {
        let text = said.render().ansi().to_string();
        if said.use_stderr() {
            self.say(text.trim_end_matches('\n'));
            return Ok(());
        }
        self.text(&text)
    }

    /// Says how things stand, on standard error.
    pub(crate) fn note(&self, text: &str) {
        if !self.is_quiet {
            self.say(&escape(text));
        }
    }

    /// Says why there is nothing to see, to somebody who looks.
    pub(crate) fn hint(&self, text: &str) {
        if self.is_watched() && self.is_text {
            self.say(&escape(text).dimmed().to_string());
        }
    }

    /// Shows a line to somebody who looks; what peers said in it is escaped already.
    pub(crate) fn log(&self, line: &str) {
        if self.is_watched() {
            self.say(line);
        }
    }

    /// Says that something is wrong, although the command goes on.
    pub(crate) fn warn(&self, text: &str) {
        if self.has_json_errors {
            self.say(&serde_json::json!({ "warning": text }).to_string());
        } else {
            self.say(&format!("{} {}", "ipc:".yellow().bold(), escape(text)));
        }
    }

    /// Says that events were missed; not even `--quiet` keeps that back.
    pub(crate) fn lagged(&self, topics: &[String], n_events: Option<u64>) {
        if self.has_json_errors {
            let lagged = serde_json::json!({ "lagged": n_events, "events": topics });
            return self.say(&lagged.to_string());
        }
        let topics = topics.join(", ");
        self.warn(&match n_events {
            Some(1) => format!("1 event of {topics} was missed here"),
            Some(n_events) => format!("{n_events} events of {topics} were missed here"),
            None => {
                format!("events of {topics} may have been missed while there was no connection")
            }
        });
    }

    /// Passes on what a command wrote to its standard error.
    pub(crate) fn pass_on(&self, bytes: &[u8]) {
        if self.is_quiet {
            return;
        }
        let bytes = if self.stderr.is_terminal {
            // The command may repeat what a caller said.
            Cow::Owned(escape_lines(&String::from_utf8_lossy(bytes)).into_bytes())
        } else {
            Cow::Borrowed(bytes)
        };
        // Where standard error is gone, nobody can be told so.
        stream::write_stderr(&bytes).ok();
    }

    /// Says why the command failed.
    pub(crate) fn error(&self, verdict: &Verdict) {
        if self.has_json_errors {
            let line = ErrorLine {
                error: match &verdict.remote {
                    Some(json) => ErrorValue::Remote(json),
                    None => ErrorValue::Own(&verdict.message),
                },
                code: verdict.code.map(ipc_client::Code::as_str),
                exit: verdict.exit as u8,
            };
            let line = serde_json::to_string(&line).unwrap_or_default();
            return self.say(&json::paint(&json::one_line(&line)));
        }
        self.say(&format!(
            "{} {}",
            "ipc:".red().bold(),
            escape(&verdict.message)
        ));
    }

    /// Says something without holding up whatever else runs. While nobody reads standard error it
    /// is lost; how much that was is said when somebody reads again.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, it may be said or not.
    pub(crate) async fn without_blocking(self, say: impl FnOnce(&Self) + Send + 'static) {
        let saying = move |n_lost| {
            if 0 < n_lost {
                self.warn(&format!(
                    "standard error was not read for a while: {n_lost} pieces of it are lost"
                ));
            }
            say(&self);
        };
        stderr_turn::take(saying).await;
    }

    fn say(&self, line: &str) {
        // Where standard error is gone, nobody can be told so.
        stream::write_stderr(self.stderr.line(line).as_bytes()).ok();
    }
}

/// Escapes each line and keeps the line breaks.
fn escape_lines(text: &str) -> String {
    let lines = text.split('\n').map(escape);
    lines.collect::<Vec<_>>().join("\n")
}

/// An error as `--json` has it.
#[derive(Serialize)]
struct ErrorLine<'a> {
    error: ErrorValue<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    exit: u8,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ErrorValue<'a> {
    Remote(&'a RawJson),
    Own(&'a str),
}
