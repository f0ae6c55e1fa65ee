//! What travels between `ipc-server` and its peers.
//!
//! Bytes come in through a [`Decoder`], which finds where each message ends, proves that it is
//! valid JSON in valid UTF-8, and hands it out as a [`Message`]: one struct per verb, whose
//! payloads are still the sender's bytes. A [`Message`] goes out through [`Message::encode`].
//!
//! The crate performs no I/O and knows no clock. The server, the client library and the tests
//! all speak through it, so there is one answer to what a message is. The normative text is
//! `docs/protocol.md`.

mod address;
mod block;
mod code;
mod decode;
mod encode;
mod encoding;
mod envelope;
mod fault;
mod id;
mod lex;
mod message;
mod mode;
mod name;
mod number;
mod pattern;
mod row;
mod scan;
mod text;
mod window;

pub use crate::{
    address::{
        Address, DEFAULT_TCP_PORT, InvalidAddress, MAX_SOCKET_PATH_BYTES, SOCKET_NAME,
        default_socket,
    },
    code::{Code, UnknownCode},
    decode::{DecodeLimits, Decoder, LARGE_BYTES},
    encode::{Dialect, Encode, Forwarded, SEED_READ_BYTES, Sink},
    encoding::WrongEncoding,
    fault::Fault,
    id::{ID_TYPE, Id, RequestId},
    message::{
        Call, Event, Invalid, Listen, Message, Outcome, Payload, Register, Reply, Success, Text,
        Wait, WrongValue,
    },
    mode::{Mode, UnknownMode},
    name::{InvalidName, MAX_NAME_BYTES, Name, is_reserved},
    number::{WHOLE_NUMBER, Whole},
    pattern::{InvalidPattern, Pattern, Token},
};

/// The version of the protocol that this crate speaks, as said in `hello`.
pub const PROTOCOL: u32 = 1;

/// The reserved object through which a peer talks to the server itself.
pub const IPC_OBJECT: &str = "ipc";

/// What the names of the server's own events begin with.
pub const IPC_EVENT_PREFIX: &str = "ipc.";
