//! Making a connection and greeting the server, which tells the dialect.
//!
//! The greeting is a message that servers of the 2024 seed system understand well enough to
//! refuse it: nothing else is written before its answer.

use std::{io, sync::Arc};

use ipc_wire::{
    Address, Call, Code, DecodeLimits, Decoder, Dialect, Fault, IPC_OBJECT, Id, Message, Outcome,
    PROTOCOL, Payload, Reply, Text, Whole,
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use crate::{ConnectError, RawJson, builder::Config, core::Greeting, outgoing::literal};

/// How much is read at a time. Larger messages arrive in several pieces.
const READ_BYTES: usize = 64 * 1024;

/// What the server may add to a message that was as large as it takes: its own id, the time
/// left.
const ENVELOPE_BYTES: usize = 64 * 1024;

/// The id of the greeting; requests count from 1.
const HELLO_ID: u64 = 0;

/// A connection that was greeted.
pub(crate) struct Link {
    pub(crate) incoming: MessageReader,
    pub(crate) writer: Box<dyn AsyncWrite + Send + Unpin>,
    pub(crate) greeting: Greeting,
}

/// The receiving side of a connection: bytes, cut anywhere, and the decoder that joins them.
pub(crate) struct MessageReader {
    stream: Box<dyn AsyncRead + Send + Unpin>,
    decoder: Decoder,
    chunk: Vec<u8>,
    /// Where the part of the chunk begins that is not decoded yet, and where it ends.
    start: usize,
    end: usize,
}

/// Why no message can be read any more.
#[derive(Debug)]
pub(crate) enum ReadError {
    Ended,
    Io(io::Error),
    Fault(Fault),
}

impl MessageReader {
    fn new(stream: Box<dyn AsyncRead + Send + Unpin>) -> Self {
        Self {
            stream,
            decoder: Decoder::new(DecodeLimits::default()),
            chunk: vec![0; READ_BYTES],
            start: 0,
            end: 0,
        }
    }

    /// Reads until there is something to decode.
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn fill(&mut self) -> Result<(), ReadError> {
        if self.start < self.end {
            return Ok(());
        }
        let n_read = self.stream.read(&mut self.chunk).await;
        let n_read = n_read.map_err(ReadError::Io)?;
        if n_read == 0 {
            self.decoder.finish().map_err(ReadError::Fault)?;
            return Err(ReadError::Ended);
        }
        (self.start, self.end) = (0, n_read);
        Ok(())
    }

    /// The next message of what was read; `None` when there is none whole.
    pub(crate) fn decode(&mut self) -> Result<Option<Message<'_>>, Fault> {
        let mut input = &self.chunk[self.start..self.end];
        // Returned as it is: a message is large enough that moving it would show.
        let message = self.decoder.decode(&mut input);
        self.start = self.end - input.len();
        message
    }

    /// Takes messages as large as the server lets others send. To be called between messages.
    fn raise_limit(&mut self, server_limit_bytes: usize) {
        let limits = DecodeLimits::default();
        let message_bytes = server_limit_bytes.saturating_add(ENVELOPE_BYTES);
        self.decoder = Decoder::new(DecodeLimits {
            message_bytes: message_bytes.max(limits.message_bytes),
            ..limits
        });
    }
}

#[derive(Serialize)]
struct Hello<'a> {
    protocol: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct HelloAnswer {
    server: Option<String>,
    client: Option<Whole>,
    limits: Option<Limits>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Limits {
    message_bytes: Option<Whole>,
}

/// Connects and greets within the time that the configuration gives.
pub(crate) async fn connect(address: &Address, config: &Config) -> Result<Link, ConnectError> {
    let connecting = async {
        let (reader, writer) = open(address).await?;
        greet(address, config, reader, writer).await
    };
    let after = config.connect_timeout;
    // A full queue of a Unix socket makes connecting wait as well.
    tokio::time::timeout(after, connecting)
        .await
        .unwrap_or_else(|_elapsed| {
            Err(ConnectError::Timeout {
                address: address.clone(),
                after,
            })
        })
}

type Halves = (
    Box<dyn AsyncRead + Send + Unpin>,
    Box<dyn AsyncWrite + Send + Unpin>,
);

async fn open(address: &Address) -> Result<Halves, ConnectError> {
    let failed = |source: io::Error| ConnectError::Io {
        address: address.clone(),
        source: Arc::new(source),
    };
    match address {
        Address::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port))
                .await
                .map_err(failed)?;
            // Messages are already gathered before they are written.
            stream.set_nodelay(true).map_err(failed)?;
            let (reader, writer) = stream.into_split();
            Ok((Box::new(reader), Box::new(writer)))
        }
        #[cfg(unix)]
        Address::Unix(path) => {
            let stream = tokio::net::UnixStream::connect(path)
                .await
                .map_err(failed)?;
            let (reader, writer) = stream.into_split();
            Ok((Box::new(reader), Box::new(writer)))
        }
        _ => Err(ConnectError::NoUnixSockets {
            address: address.clone(),
        }),
    }
}

async fn greet(
    address: &Address,
    config: &Config,
    reader: Box<dyn AsyncRead + Send + Unpin>,
    mut writer: Box<dyn AsyncWrite + Send + Unpin>,
) -> Result<Link, ConnectError> {
    let io_failed = |source: io::Error| ConnectError::Io {
        address: address.clone(),
        source: Arc::new(source),
    };
    writer.write_all(&hello(config)).await.map_err(io_failed)?;
    let mut incoming = MessageReader::new(reader);
    let greeting = loop {
        incoming
            .fill()
            .await
            .map_err(|error| read_failed(address, error))?;
        let message = incoming
            .decode()
            .map_err(|fault| read_failed(address, ReadError::Fault(fault)))?;
        if let Some(message) = message {
            break read_answer(address, &message)?;
        }
    };
    if let Some(message_bytes) = greeting.message_bytes {
        incoming.raise_limit(message_bytes);
    }
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
        token: config.token.as_ref().map(|token| token.0.as_str()),
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

fn read_answer(address: &Address, message: &Message<'_>) -> Result<Greeting, ConnectError> {
    let unexpected = || ConnectError::UnexpectedAnswer {
        address: address.clone(),
    };
    match message {
        Message::Reply(Reply {
            outcome: Outcome::Response(response),
            ..
        }) => {
            let answer: HelloAnswer = response.parse().map_err(|_error| unexpected())?;
            Ok(Greeting {
                dialect: Dialect::Lines,
                client: answer.client.map(|client| client.0),
                server: answer.server,
                message_bytes: answer
                    .limits
                    .and_then(|limits| usize::try_from(limits.message_bytes?.0).ok()),
            })
        }
        // It does not know the object `ipc`, nor ids, nor codes.
        Message::Reply(Reply {
            outcome: Outcome::Error { code: None, .. },
            id: None,
            ..
        }) => Ok(Greeting {
            dialect: Dialect::Seed,
            client: None,
            server: None,
            message_bytes: None,
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

/// A code, where this version knows it.
pub(crate) fn read_code(code: &Text<'_>) -> Option<Code> {
    code.decode()?.parse().ok()
}

fn read_failed(address: &Address, error: ReadError) -> ConnectError {
    let address = address.clone();
    match error {
        ReadError::Ended => ConnectError::ClosedByServer { address },
        ReadError::Io(source) => ConnectError::Io {
            address,
            source: Arc::new(source),
        },
        ReadError::Fault(source) => ConnectError::Protocol { address, source },
    }
}
