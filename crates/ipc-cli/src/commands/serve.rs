//! `ipc serve`: an object without a program.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

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
    output::Output,
    param,
    stop::Signals,
};

/// How long giving the name back may take; the end of the connection does it, too.
const FAREWELL: Duration = Duration::from_secs(1);

/// What is shown of a value in the line about a call.
const SHOWN_CHARS: usize = 200;

pub(crate) async fn run(serve: Serve, global: &Global, output: &Output) -> anyhow::Result<()> {
    let answer = Answer::new(serve.answer, serve.timeout)?;
    let interface = serve.interface.as_deref().map(read_interface).transpose()?;
    let mut signals = Signals::new()?;
    let client = connection::builder(global, "serve")
        .concurrent_calls(serve.jobs.into())
        .connect()
        .await?;
    let registration = register(
        &client,
        &serve.object,
        answer,
        serve.mode,
        interface,
        output,
    );
    let registration = tokio::select! {
        registration = registration => registration?,
        () = signals.recv() => return Ok(()),
    };
    output.note(&format!("serving {}", serve.object));
    tokio::select! {
        () = signals.recv() => {}
        () = watch(&registration, output) => {}
        lost = connection::watch(&client, output) => return Err(lost.into()),
    }
    // Calls that run end with the process, and their callers are told by the server.
    drop(tokio::time::timeout(FAREWELL, registration.unregister()).await);
    drop(tokio::time::timeout(FAREWELL, client.close()).await);
    Ok(())
}

/// An interface is checked here, for the server keeps any object and refuses all else in its own
/// words.
fn read_interface(word: &str) -> Result<RawJson, Usage> {
    let interface = param::read_json(word)?;
    if interface.as_str().trim_start().starts_with('{') {
        Ok(interface)
    } else {
        Err(Usage("the interface is not a JSON object".to_owned()))
    }
}

async fn register(
    client: &Client,
    object: &str,
    answer: Answer,
    mode: args::ServeMode,
    interface: Option<RawJson>,
    output: &Output,
) -> anyhow::Result<Registration> {
    let (answer, output) = (Arc::new(answer), *output);
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
async fn watch(registration: &Registration, output: &Output) {
    let mut states = registration.states();
    let mut is_refused = false;
    while let Some(state) = states.changed().await {
        match state {
            RegistrationState::Refused { message } if !is_refused => {
                is_refused = true;
                let object = registration.object();
                output.warn(&format!(
                    "cannot serve '{object}' again: {message}; trying on"
                ));
            }
            RegistrationState::Active if is_refused => {
                is_refused = false;
                output.warn(&format!("serving '{}' again", registration.object()));
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
    fn new(answer: args::Answer, timeout: Option<Duration>) -> Result<Self, Usage> {
        match (answer.reply, answer.exec) {
            (Some(word), _) => Ok(Self::Reply(param::read_json(&word)?)),
            (None, Some(command)) => Ok(Self::Exec(Exec::new(command, timeout))),
            (None, None) => Ok(Self::Echo),
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
            output.log(&show_call(request, &answer, start.elapsed()));
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
