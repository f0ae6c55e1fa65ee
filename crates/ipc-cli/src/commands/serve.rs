//! `ipc serve`: an object without a program.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use ipc_client::{
    Client, Code, ObjectError, RawJson, Registration, RegistrationState, Request, RequestError,
    Response,
};
use owo_colors::OwoColorize;

use super::exec::Exec;
use crate::{
    args::{self, Global, Serve},
    connection,
    escape::escape,
    exit::Usage,
    json::{self, Layout},
    names,
    output::Output,
    param,
    signals::Signals,
};

/// How long giving the name back may take; the end of the connection does it, too.
const FAREWELL: Duration = Duration::from_secs(1);

/// What is shown of a value in the line about a call.
const SHOWN_CHARS: usize = 200;

pub(crate) async fn run(serve: Serve, global: &Global, output: &Output) -> anyhow::Result<()> {
    names::check_object(&serve.object, serve.literal)?;
    let answer = Arc::new(Answer::new(serve.answer, serve.timeout)?);
    let interface = serve.interface.as_deref().map(read_interface).transpose()?;
    let mut signals = Signals::new().context("cannot take signals")?;
    // However this ends, the commands that run do, too.
    let _running = StopOnDrop(Arc::clone(&answer));
    let client = tokio::select! {
        client = connection::builder(global, "serve")
            .concurrent_calls(serve.jobs.into())
            .connect() => client?,
        interrupted = signals.recv() => return Err(interrupted.into()),
    };
    let registering = register(
        &client,
        &serve.object,
        Arc::clone(&answer),
        serve.mode,
        interface,
        output,
    );
    let registration = tokio::select! {
        registration = registering => registration?,
        interrupted = signals.recv() => return Err(interrupted.into()),
    };
    let note = format!("serving {}", serve.object);
    let serving = async {
        output
            .without_blocking(move |output| output.note(&note))
            .await;
        watch(&registration, output).await
    };
    let interrupted = tokio::select! {
        interrupted = signals.recv() => interrupted,
        never = serving => match never {},
        lost = connection::watch(&client, output) => return Err(lost.into()),
    };
    answer.stop();
    signals.end_at_next();
    // Calls that run end with the process, and their callers are told by the server.
    let farewell = async {
        drop(tokio::time::timeout(FAREWELL, registration.unregister()).await);
        drop(tokio::time::timeout(FAREWELL, client.close()).await);
    };
    tokio::select! {
        () = farewell => Err(interrupted.into()),
        // One that came while the commands were being ended.
        second = signals.recv() => Err(second.into()),
    }
}

/// Ends the commands that run when `serve` ends for whatever reason.
struct StopOnDrop(Arc<Answer>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// An interface is checked here, for the server keeps any object and refuses all else in its own
/// words.
fn read_interface(word: &str) -> Result<RawJson, Usage> {
    let interface = param::read_json("the interface", word)?;
    if interface.as_str().trim_start().starts_with('{') {
        Ok(interface)
    } else {
        Err(Usage(
            "the interface is not a JSON object, such as '{\"doc\":\"Adds.\"}'".to_owned(),
        ))
    }
}

async fn register(
    client: &Client,
    object: &str,
    answer: Arc<Answer>,
    mode: args::ServeMode,
    interface: Option<RawJson>,
    output: &Output,
) -> anyhow::Result<Registration> {
    let output = *output;
    let mut registering = client
        .register_fn(object, move |request| {
            let answer = Arc::clone(&answer);
            async move { answer.call(&request, &output).await }
        })
        .mode(mode.into());
    if let Some(interface) = &interface {
        registering = registering.interface(interface);
    }
    registering.await.map_err(|error| {
        let is_taken = matches!(
            &error,
            RequestError::Refused {
                code: Some(Code::NameTaken),
                ..
            }
        );
        let advice = if is_taken {
            " (--mode replace takes it over, queue stands by, shared shares it)"
        } else {
            ""
        };
        anyhow::Error::new(error).context(format!("cannot serve '{object}'{advice}"))
    })
}

/// Reports when a reconnect could not restore the registration; never ends before it does.
async fn watch(registration: &Registration, output: &Output) -> Infallible {
    let mut states = registration.states();
    let mut is_refused = false;
    while let Some(state) = states.changed().await {
        match state {
            RegistrationState::Refused { message } if !is_refused => {
                is_refused = true;
                let object = registration.object();
                let warning = format!("cannot serve '{object}' again: {message}; trying on");
                output
                    .without_blocking(move |output| output.warn(&warning))
                    .await;
            }
            RegistrationState::Active if is_refused => {
                is_refused = false;
                let warning = format!("serving '{}' again", registration.object());
                output
                    .without_blocking(move |output| output.warn(&warning))
                    .await;
            }
            _ => {}
        }
    }
    // Only the connection's end, which is reported elsewhere, ends the states.
    std::future::pending().await
}

/// How calls are answered.
enum Answer {
    Echo,
    Reply(RawJson),
    Exec(Exec),
}

impl Answer {
    fn new(answer: args::Answer, timeout: Option<Duration>) -> anyhow::Result<Self> {
        if let Some(command) = answer.exec {
            let exec = Exec::new(command, timeout).context("cannot run commands")?;
            return Ok(Self::Exec(exec));
        }
        let text = args::Text {
            field: Vec::new(),
            string: answer.string,
            string_file: answer.string_file,
        };
        let reply = param::read(answer.reply.as_slice(), &text)?;
        Ok(reply.map_or(Self::Echo, Self::Reply))
    }

    /// Ends what runs to answer calls.
    fn stop(&self) {
        match self {
            Self::Exec(exec) => exec.stop(),
            Self::Echo | Self::Reply(_) => {}
        }
    }

    async fn call(&self, request: &Request, output: &Output) -> Result<Response, ObjectError> {
        let start = Instant::now();
        let answer = match self {
            Self::Echo => Ok(request.raw_param().cloned().unwrap_or_default()),
            Self::Reply(json) => Ok(json.clone()),
            Self::Exec(exec) => exec.run(request, output).await,
        };
        if output.is_watched() {
            let line = show_call(request, &answer, start.elapsed());
            output
                .without_blocking(move |output| output.log(&line))
                .await;
        }
        answer.map(Response::raw)
    }
}

/// `12:34:56.789  add {"a": 1} → 2  (3 ms)`
fn show_call(request: &Request, answer: &Result<RawJson, ObjectError>, time: Duration) -> String {
    let now = jiff::Zoned::now().strftime("%H:%M:%S%.3f").to_string();
    let param = request
        .raw_param()
        .map(|param| format!(" {}", show(param.as_str())));
    let answer = match answer {
        Ok(response) => show(response.as_str()),
        Err(error) => format!("{} {}", "error".red(), show(&error.to_string())),
    };
    format!(
        "{}  {}{} → {answer}  {}",
        now.dimmed(),
        escape(request.method()).bold(),
        param.unwrap_or_default(),
        format!("({:.1?})", time).dimmed(),
    )
}

/// The beginning of a value; what is cut off is no whole JSON, which `json::show` does not mind.
fn show(json: &str) -> String {
    match json.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{} …", json::show(&json[..end], Layout::Line)),
        None => json::show(json, Layout::Line),
    }
}
