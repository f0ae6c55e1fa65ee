//! Greeting a server, which tells the dialect, and reading what it answers.
//!
//! The greeting is a message that servers of the 2024 seed system understand well enough to
//! refuse it: nothing else is written before its answer.

use ipc_wire::{
    Address, Call, Dialect, IPC_OBJECT, Id, Message, Outcome, PROTOCOL, Payload, Reply, Text, Whole,
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::{
    ConnectError, RawJson,
    builder::Config,
    outgoing::literal,
    reader::{MessageReader, ReadError, is_closed, read_code},
};

/// The longest answer to the greeting: many times what any server says there, and little enough
/// to take from whoever happens to listen at the address.
const ANSWER_BYTES: usize = 64 * 1024;

/// What the server may add to a message that was as large as it takes: its own id, the time
/// left.
const ENVELOPE_BYTES: usize = 64 * 1024;

/// The id of the greeting; requests count from 1.
const HELLO_ID: u64 = 0;

/// The two directions of a connection.
pub(crate) type Halves = (
    Box<dyn AsyncRead + Send + Unpin>,
    Box<dyn AsyncWrite + Send + Unpin>,
);

/// A connection that was greeted.
pub(crate) struct Link {
    pub(crate) incoming: MessageReader,
    pub(crate) writer: Box<dyn AsyncWrite + Send + Unpin>,
    pub(crate) greeting: Greeting,
}

/// What is known about the server since the last greeting.
#[derive(Clone, Debug)]
pub(crate) struct Greeting {
    /// Which of the addresses that are tried it is at.
    pub(crate) place: usize,
    pub(crate) dialect: Dialect,
    /// The number of this connection.
    pub(crate) client: Option<u64>,
    /// The server's name and version.
    pub(crate) server: Option<String>,
    /// The largest message to send: as much as the server takes, but not more than this side's
    /// own limit.
    pub(crate) message_bytes: usize,
}

#[derive(Serialize)]
struct Hello<'a> {
    protocol: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// The parts of the answer, each of which may be absent or of another kind than expected.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    server: Option<RawJson>,
    client: Option<RawJson>,
    limits: Option<RawJson>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Limits {
    message_bytes: Option<RawJson>,
}

/// Greets the server at the other end of a connection.
pub(crate) async fn greet(
    address: &Address,
    config: &Config,
    halves: Halves,
) -> Result<Link, ConnectError> {
    let (reader, mut writer) = halves;
    // A server that is full says so and closes, perhaps before it has been greeted. Why it did
    // can be read all the same.
    let written = writer.write_all(&hello(config)).await;
    let mut incoming = MessageReader::new(reader, ANSWER_BYTES);
    let mut greeting = loop {
        if let Err(error) = incoming.fill().await {
            return Err(read_failed(address, error));
        }
        let message = incoming
            .decode()
            .map_err(|fault| read_failed(address, ReadError::Fault(fault)))?;
        match message {
            // Others are not answered, so a notice may be first.
            None | Some(Message::Event(_)) => {}
            Some(message) => break read_answer(address, &message, written.is_ok())?,
        }
    };
    incoming.set_limit(config.message_bytes.saturating_add(ENVELOPE_BYTES));
    greeting.message_bytes = greeting.message_bytes.min(config.message_bytes);
    Ok(Link {
        incoming,
        writer,
        greeting,
    })
}

/// The greeting, written as the seed dialect asks for, which every server reads.
fn hello(config: &Config) -> Vec<u8> {
    let hello = Hello {
        protocol: PROTOCOL,
        name: config.name.as_deref(),
    };
    // A struct of numbers and strings always has a JSON form.
    let param = serde_json::to_vec(&hello).unwrap_or_default();
    let object = literal(IPC_OBJECT);
    let call = Call {
        object: Text::from_literal(&object),
        method: Text::from_literal(b"\"hello\""),
        param: Some(Payload::from_json(&param)),
        timeout_ms: None,
        headers: None,
        stream: false,
        id: Some(Id::Number(HELLO_ID)),
    };
    let mut encoded = Vec::new();
    Message::Call(call).encode(&mut encoded, Dialect::Seed);
    encoded
}

/// Reads the answer. A server that could not be greeted has not answered, but refused.
fn read_answer(
    address: &Address,
    message: &Message<'_>,
    was_greeted: bool,
) -> Result<Greeting, ConnectError> {
    let unexpected = || ConnectError::UnexpectedAnswer {
        address: address.clone(),
    };
    match message {
        Message::Reply(Reply {
            outcome: Outcome::Response(response),
            ..
        }) => {
            let answer: Answer = response.parse().map_err(|_other| unexpected())?;
            Ok(answer.into_greeting())
        }
        // It does not know the object `ipc`, nor ids, nor codes.
        Message::Reply(Reply {
            outcome: Outcome::Error { code: None, .. },
            id: None,
            ..
        }) if was_greeted => Ok(Greeting {
            place: 0,
            dialect: Dialect::Seed,
            client: None,
            server: None,
            message_bytes: usize::MAX,
        }),
        Message::Reply(Reply {
            outcome: Outcome::Error { error, code },
            ..
        }) => Err(ConnectError::Refused {
            code: code.and_then(|code| read_code(&code)),
            message: RawJson::from_payload(error).to_message(),
        }),
        _ => Err(unexpected()),
    }
}

impl Answer {
    fn into_greeting(self) -> Greeting {
        let number = |json: Option<RawJson>| Whole::from_json(json?.as_bytes());
        let limits = self.limits.and_then(|limits| limits.parse::<Limits>().ok());
        // One that makes no sense, or that this machine cannot count, limits nothing.
        let message_bytes = number(limits.unwrap_or_default().message_bytes)
            .and_then(|limit| usize::try_from(limit.0).ok());
        Greeting {
            place: 0,
            dialect: Dialect::Lines,
            client: number(self.client).map(|client| client.0),
            server: self.server.and_then(|server| server.parse().ok()),
            message_bytes: message_bytes.unwrap_or(usize::MAX),
        }
    }
}

fn read_failed(address: &Address, error: ReadError) -> ConnectError {
    let address = address.clone();
    match error {
        ReadError::Ended | ReadError::Cut => ConnectError::ClosedByServer { address },
        ReadError::Io(error) if is_closed(&error) => ConnectError::ClosedByServer { address },
        ReadError::Io(source) => ConnectError::Io {
            address,
            source: source.into(),
        },
        ReadError::Fault(source) => ConnectError::Protocol { address, source },
    }
}
