//! What several modules need: the default limits, and a decoder for one message.

use ipc_wire::{DecodeLimits, Decoder, Fault, Message, Outcome};
use proptest::test_runner::Config;

/// Reads a stream of one message, and lets `read` look at it.
pub(crate) fn with_only<T>(stream: &[u8], read: impl FnOnce(Message<'_>) -> T) -> Result<T, Fault> {
    let mut decoder = Decoder::new(DecodeLimits::default());
    let mut rest = stream;
    let value = match decoder.decode(&mut rest)? {
        Some(message) => read(message),
        None => return Err(decoder.finish().expect_err("a stream without a message")),
    };
    match decoder.decode(&mut rest)? {
        Some(second) => panic!("a second message: {second:?}"),
        None => decoder.finish().map(|()| value),
    }
}

/// The fault of a stream that has one.
pub(crate) fn fault(stream: &[u8]) -> Fault {
    let text = String::from_utf8_lossy(stream);
    match with_only(stream, |message| format!("{message:?}")) {
        Err(fault) => fault,
        Ok(message) => panic!("{text} became {message}"),
    }
}

/// The payload of a response.
pub(crate) fn response<'m>(message: &Message<'m>) -> &'m [u8] {
    match message {
        Message::Reply(reply) => match reply.outcome {
            Outcome::Response(response) => response.json(),
            Outcome::Error { .. } => panic!("an error: {reply:?}"),
        },
        other => panic!("not a reply: {other:?}"),
    }
}

/// Runs every property on this many cases, and writes no files of its own beside the tests: a
/// failing input belongs into the corpus, where people can read it.
pub(crate) fn cases(n: u32) -> Config {
    Config {
        cases: n,
        failure_persistence: None,
        ..Config::default()
    }
}
