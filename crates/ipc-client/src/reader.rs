//! The receiving side of a connection: bytes, cut anywhere, and the decoder that joins them.
//!
//! How much a message may take is this side's decision, whatever the server says.

use std::io;

use ipc_wire::{Code, DecodeLimits, Decoder, Fault, Message, Text};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at a time. Larger messages arrive in several pieces.
const READ_BYTES: usize = 64 * 1024;

/// Reads the messages of one connection.
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
    /// The server closed the connection.
    Ended,
    /// The server closed it within a message.
    Cut,
    Io(io::Error),
    Fault(Fault),
}

impl MessageReader {
    /// Reads messages of at most so many bytes.
    pub(crate) fn new(stream: Box<dyn AsyncRead + Send + Unpin>, message_bytes: usize) -> Self {
        Self {
            stream,
            decoder: decoder(message_bytes),
            chunk: vec![0; READ_BYTES],
            start: 0,
            end: 0,
        }
    }

    /// Changes how large a message may be. To be called between messages.
    pub(crate) fn set_limit(&mut self, message_bytes: usize) {
        self.decoder = decoder(message_bytes);
    }

    /// Reads until there is something to decode.
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn fill(&mut self) -> Result<(), ReadError> {
        if self.start < self.end {
            return Ok(());
        }
        let n_read = match self.stream.read(&mut self.chunk).await {
            Ok(n_read) => n_read,
            Err(error) if is_closed(&error) && self.is_in_message() => return Err(ReadError::Cut),
            Err(error) => return Err(ReadError::Io(error)),
        };
        if n_read == 0 {
            return Err(match self.decoder.finish() {
                Ok(()) => ReadError::Ended,
                Err(Fault::Truncated) => ReadError::Cut,
                Err(fault) => ReadError::Fault(fault),
            });
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

    fn is_in_message(&self) -> bool {
        matches!(self.decoder.finish(), Err(Fault::Truncated))
    }
}

fn decoder(message_bytes: usize) -> Decoder {
    Decoder::new(DecodeLimits {
        message_bytes,
        ..DecodeLimits::default()
    })
}

/// A code, where this version knows it.
pub(crate) fn read_code(code: &Text<'_>) -> Option<Code> {
    code.decode()?.parse().ok()
}

/// Whether the system says so that the other side has closed the connection.
pub(crate) fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
    )
}
