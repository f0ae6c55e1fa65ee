//! How a command ends: its exit code, and the line on standard error that says why.

use std::{error::Error, fmt, io, process::ExitCode};

use ipc_client::{
    AddressError, CallError, Code, ConnectError, DisconnectReason, RawJson, RequestError, WaitError,
};

use crate::{output::Output, signals::Interrupted, usage};

/// The exit codes of failures, as `ipc --help` and the man page document them; 0 is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Exit {
    Provider = 1,
    Usage = 2,
    NotFound = 3,
    Timeout = 4,
    Denied = 5,
    NoServer = 6,
    Other = 7,
}

/// What was asked for makes no sense.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Usage {}

/// The time that the command line gave has passed.
#[derive(Debug)]
pub(crate) struct TimedOut(pub(crate) String);

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for TimedOut {}

/// The connection is closed for good while the command still needs it.
#[derive(Debug)]
pub(crate) struct Lost(pub(crate) Option<DisconnectReason>);

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection to the server was lost")
    }
}

impl Error for Lost {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_ref().map(|reason| reason as _)
    }
}

/// Says on standard error why a command failed and returns its exit code. After a signal it says
/// nothing and ends the process by it.
///
/// The reader of our output may leave when it has read enough: that is no failure.
pub(crate) fn report(error: &anyhow::Error, output: &Output) -> ExitCode {
    if let Some(interrupted) = error.downcast_ref::<Interrupted>() {
        return interrupted.end_process();
    }
    // A socket, which standard output may be, tells the second where its reader left something.
    let is_left = |cause: &io::Error| {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        matches!(cause.kind(), BrokenPipe | ConnectionReset)
    };
    if error.downcast_ref::<io::Error>().is_some_and(is_left) {
        return ExitCode::SUCCESS;
    }
    let verdict = Verdict::of(error);
    output.error(&verdict);
    ExitCode::from(verdict.exit as u8)
}

/// Shows the help that was asked for, or what is wrong with the command line.
pub(crate) fn report_command_line(said: &clap::Error, output: &Output) -> ExitCode {
    if said.use_stderr() && output.is_json_wanted() {
        return report(&Usage(usage::one_line(said)).into(), output);
    }
    match output.command_line(said) {
        Ok(()) => u8::try_from(said.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => report(&error, output),
    }
}

/// What is said about a failure.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) exit: Exit,
    /// The protocol's code, where there is one.
    pub(crate) code: Option<Code>,
    /// For people; not yet fit for a terminal.
    pub(crate) message: String,
    /// The provider's own error.
    pub(crate) remote: Option<RawJson>,
}

impl Verdict {
    fn of(error: &anyhow::Error) -> Self {
        let message = one_line(error);
        let new = |exit, code| Self {
            exit,
            code,
            message: message.clone(),
            remote: None,
        };
        for cause in error.chain() {
            if cause.is::<Usage>() {
                return new(Exit::Usage, None);
            }
            if cause.is::<TimedOut>() {
                return new(Exit::Timeout, Some(Code::Timeout));
            }
            if cause.is::<Lost>() {
                return new(Exit::NoServer, None);
            }
            if let Some(CallError::Remote(remote)) = cause.downcast_ref() {
                return Self {
                    message: remote_message(error, remote),
                    remote: Some(remote.clone()),
                    ..new(Exit::Provider, None)
                };
            }
            if let Some(error) = cause.downcast_ref::<CallError>() {
                return new(exit_of_call(error), error.code());
            }
            if let Some(error) = cause.downcast_ref::<RequestError>() {
                return new(exit_of_request(error), error.code());
            }
            // What it wraps stands for itself, and so is not a cause of its own.
            if let Some(WaitError::Request(error)) = cause.downcast_ref() {
                return new(exit_of_request(error), error.code());
            }
            if let Some(missing @ WaitError::Missing(_)) = cause.downcast_ref() {
                return Self {
                    message: missing.to_string(),
                    ..new(Exit::Timeout, Some(Code::Timeout))
                };
            }
            if let Some(error) = cause.downcast_ref::<ConnectError>() {
                return of_connect(error, message);
            }
        }
        new(Exit::Other, None)
    }
}

/// An error and its causes on one line. Errors of the library end with their causes, which are not
/// said twice.
pub(crate) fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let words = cause.to_string();
        if line.ends_with(&words) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&words);
    }
    line
}

/// `calc.divide: division by zero`: what was done, and the provider's words.
fn remote_message(error: &anyhow::Error, remote: &RawJson) -> String {
    let words = remote
        .parse()
        .unwrap_or_else(|_not_text| remote.to_string());
    if error.is::<CallError>() && error.chain().count() == 1 {
        return words;
    }
    format!("{error}: {words}")
}

fn exit_of_call(error: &CallError) -> Exit {
    match error {
        CallError::InvalidName(_) | CallError::Encode(_) => Exit::Usage,
        CallError::ObjectNotFound { .. } => Exit::NotFound,
        // The provider says that, for the server does not know its methods.
        CallError::Remote(_) | CallError::MethodNotFound { .. } => Exit::Provider,
        CallError::Timeout => Exit::Timeout,
        CallError::NotSent | CallError::Closed | CallError::Disconnected => Exit::NoServer,
        _ => exit_of_code(error.code()),
    }
}

fn exit_of_request(error: &RequestError) -> Exit {
    match error {
        RequestError::InvalidName(_)
        | RequestError::InvalidPattern(_)
        | RequestError::Encode(_) => Exit::Usage,
        RequestError::Timeout => Exit::Timeout,
        RequestError::NotSent
        | RequestError::Closed
        | RequestError::Disconnected
        | RequestError::Unconfirmed => Exit::NoServer,
        _ => exit_of_code(error.code()),
    }
}

/// The exit code for what the server declined.
fn exit_of_code(code: Option<Code>) -> Exit {
    match code {
        Some(Code::ObjectNotFound) => Exit::NotFound,
        Some(Code::MethodNotFound) => Exit::Provider,
        Some(Code::Timeout) => Exit::Timeout,
        Some(Code::InvalidName | Code::InvalidOption) => Exit::Usage,
        Some(Code::Denied | Code::AuthRequired | Code::AuthFailed) => Exit::Denied,
        _ => Exit::Other,
    }
}

/// No server: with advice where there is some.
fn of_connect(error: &ConnectError, message: String) -> Verdict {
    let verdict = |exit, code, message| Verdict {
        exit,
        code,
        message,
        remote: None,
    };
    match error {
        ConnectError::Io { address, source } => {
            if source.kind() == io::ErrorKind::PermissionDenied {
                let message = format!("not allowed to connect to {address}: {source}");
                return verdict(Exit::Denied, None, message);
            }
            let message = format!(
                "no server at {address}: {source}; start one with \
                 'ipc-server --listen {address}', or say with --address where it is"
            );
            verdict(Exit::NoServer, None, message)
        }
        ConnectError::NoServer { .. } => {
            let message = format!(
                "{message}; start one with 'ipc-server', or say with --address where it is"
            );
            verdict(Exit::NoServer, None, message)
        }
        ConnectError::NotInTime { after, source } => {
            let last = of_connect(source, source.to_string());
            let message = format!("{} (waited {after:?})", last.message);
            verdict(last.exit, last.code, message)
        }
        ConnectError::Refused { code, .. } => verdict(exit_of_code(*code), *code, message),
        ConnectError::Address(AddressError::Invalid { .. } | AddressError::Unusable(_)) => {
            verdict(Exit::Usage, None, message)
        }
        _ => verdict(Exit::NoServer, None, message),
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use anyhow::{Context, anyhow};

    use super::*;

    fn verdict(error: impl Into<anyhow::Error>) -> (Exit, String) {
        let verdict = Verdict::of(&error.into());
        (verdict.exit, verdict.message)
    }

    fn refused(code: Code) -> RequestError {
        RequestError::Refused {
            code: Some(code),
            message: "no".to_owned(),
        }
    }

    fn connecting(kind: io::ErrorKind) -> ConnectError {
        ConnectError::Io {
            address: "unix:/x".parse().unwrap(),
            source: Arc::new(io::Error::new(kind, "system says")),
        }
    }

    #[test]
    fn every_kind_of_failure_has_its_code() {
        let object = String::new;
        let timeout = ConnectError::Timeout {
            address: "unix:/x".parse().unwrap(),
            after: Duration::from_secs(1),
        };
        for (error, exit) in [
            (
                anyhow!(CallError::ObjectNotFound { object: object() }),
                Exit::NotFound,
            ),
            (
                anyhow!(CallError::Timeout).context("calling"),
                Exit::Timeout,
            ),
            (anyhow!(CallError::ProviderGone), Exit::Other),
            (anyhow!(CallError::Disconnected), Exit::NoServer),
            (anyhow!(refused(Code::Denied)), Exit::Denied),
            (anyhow!(refused(Code::NameTaken)), Exit::Other),
            (anyhow!(refused(Code::ObjectNotFound)), Exit::NotFound),
            (anyhow!(WaitError::Missing(vec![])), Exit::Timeout),
            (
                anyhow!(WaitError::Request(refused(Code::AuthFailed))),
                Exit::Denied,
            ),
            (anyhow!(connecting(io::ErrorKind::NotFound)), Exit::NoServer),
            (
                anyhow!(connecting(io::ErrorKind::PermissionDenied)),
                Exit::Denied,
            ),
            (anyhow!(timeout), Exit::NoServer),
            (anyhow!(Usage(object())), Exit::Usage),
            (anyhow!(TimedOut(object())), Exit::Timeout),
            (anyhow!(Lost(None)), Exit::NoServer),
            (anyhow!("something else"), Exit::Other),
        ] {
            assert_eq!(Verdict::of(&error).exit, exit, "{error:#}");
        }
    }

    #[test]
    fn a_missing_server_comes_with_advice() {
        let (_, message) = verdict(connecting(io::ErrorKind::ConnectionRefused));
        assert_eq!(
            message,
            "no server at unix:/x: system says; start one with 'ipc-server --listen unix:/x', \
             or say with --address where it is"
        );
    }

    #[test]
    fn every_address_that_was_tried_is_named_on_one_line() {
        let attempts = ["unix:/a", "tcp://h:1"].map(|address| ConnectError::Io {
            address: address.parse().unwrap(),
            source: Arc::new(io::Error::other(format!("not at {address}"))),
        });
        let error = ConnectError::NoServer {
            attempts: attempts.to_vec(),
        };
        let tried = "no server is running; tried unix:/a: not at unix:/a, tcp://h:1: not at \
                     tcp://h:1; start one with 'ipc-server', or say with --address where it is";
        assert_eq!(verdict(error.clone()), (Exit::NoServer, tried.to_owned()));

        let waited = ConnectError::NotInTime {
            after: Duration::from_secs(3),
            source: Box::new(error),
        };
        let message = format!("{tried} (waited 3s)");
        assert_eq!(verdict(waited), (Exit::NoServer, message));
    }

    #[test]
    fn a_cause_is_said_once() {
        let cause = RawJson::from_text("{").unwrap_err();
        let expected = format!("calc.add: the response is not of the expected type: {cause}");
        let error = Err::<(), _>(CallError::Decode(cause)).context("calc.add");
        assert_eq!(verdict(error.unwrap_err()).1, expected);
    }

    #[test]
    fn a_providers_text_is_said_without_quotes_and_other_json_as_it_is() {
        for (json, words) in [
            (r#""division\nby zero""#, "division\nby zero"),
            ("[1]", "[1]"),
        ] {
            let error = CallError::Remote(RawJson::from_text(json).unwrap());
            let error = Err::<(), _>(error).context("calc.divide").unwrap_err();
            assert_eq!(
                verdict(error),
                (Exit::Provider, format!("calc.divide: {words}"))
            );
        }
    }
}
