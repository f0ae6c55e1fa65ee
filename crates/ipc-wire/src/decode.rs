//! Bytes in, messages out: the stream of a connection, cut anywhere.

use bytes::Bytes;

use crate::{
    block::Instructions,
    encoding::WrongEncoding,
    fault::Fault,
    message::Message,
    scan::{MAX_DEPTH, Progress, Scanner},
};

/// From this size on a message that arrived in pieces owns its buffer, so that its payload can be
/// handed on without another copy; below it, copying costs less than the bookkeeping.
pub const LARGE_BYTES: usize = 16 * 1024;

/// The least that is appended to an unfinished message at a time. Most messages are finished by
/// it, and what is appended beyond a message's end has to be read again.
const APPEND_BYTES: usize = 1024;

/// What one message may cost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DecodeLimits {
    /// The longest message, from its `{` to its `}`; below 4 GiB.
    pub message_bytes: usize,
    /// The deepest nesting, the message's own object included; at most 128.
    pub depth: u32,
}

impl DecodeLimits {
    /// 16 MiB, as systemd's varlink: enough for a large document, small enough that a few such
    /// messages do not fill a machine.
    pub const DEFAULT_MESSAGE_BYTES: usize = 16 * 1024 * 1024;
    /// 128 levels, which is what `serde_json` follows.
    pub const DEFAULT_DEPTH: u32 = MAX_DEPTH;
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            message_bytes: Self::DEFAULT_MESSAGE_BYTES,
            depth: Self::DEFAULT_DEPTH,
        }
    }
}

/// The receiving side of one connection: keeps a message that has not arrived whole.
///
/// A [`Fault`] is final: what follows a broken message is never looked at, and every later call
/// returns the same fault.
#[derive(Debug)]
pub struct Decoder {
    message_bytes: usize,
    scanner: Scanner,
    /// The unfinished message, or the finished one that was handed out last.
    partial: Vec<u8>,
    /// The large message that was handed out last.
    large: Bytes,
    state: State,
    fault: Option<Fault>,
    ended_line: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    BetweenMessages,
    InMessage,
    HandedOut,
}

/// Where a whole message lies.
enum Found<'i> {
    Input(&'i [u8]),
    Partial,
    Large,
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new(limits: DecodeLimits) -> Self {
        Self {
            message_bytes: limits.message_bytes.min(u32::MAX as usize - 1),
            scanner: Scanner::new(limits.depth),
            partial: Vec::new(),
            large: Bytes::new(),
            state: State::BetweenMessages,
            fault: None,
            ended_line: false,
        }
    }

    /// A decoder that uses no vector instructions, for tests that hold it against the other.
    #[doc(hidden)]
    #[must_use]
    pub fn without_vectors(limits: DecodeLimits) -> Self {
        Self {
            scanner: Scanner::with_instructions(limits.depth, Instructions::SCALAR),
            ..Self::new(limits)
        }
    }

    /// Takes the next message from the front of `input`; `None` when `input` is used up.
    ///
    /// # Errors
    ///
    /// [`Fault`] as soon as the bytes cannot become a message, whatever follows.
    pub fn decode<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Message<'a>>, Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let found = match self.find(input) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(fault) => {
                let message = match self.state {
                    State::InMessage => &*self.partial,
                    State::BetweenMessages | State::HandedOut => input,
                };
                let fault = explain(fault, message);
                self.partial = Vec::new();
                self.fault = Some(fault.clone());
                return Err(fault);
            }
        };
        let (bytes, shared) = match found {
            Found::Input(bytes) => (bytes, None),
            Found::Partial => (&*self.partial, None),
            Found::Large => (&*self.large, Some(&self.large)),
        };
        let mut message = Message::read(bytes, self.scanner.envelope(), shared);
        if let Err(fault) = &message {
            // Put in its place, for a message that is returned in two ways would be moved.
            match Message::to_decline(bytes, self.scanner.envelope(), fault) {
                Some(declined) => message = Ok(Some(declined)),
                None => self.fault = Some(fault.clone()),
            }
        }
        message
    }

    /// Checks that the stream may end here.
    ///
    /// # Errors
    ///
    /// [`Fault::Truncated`] within a message, or the fault that the stream already had.
    pub fn finish(&self) -> Result<(), Fault> {
        match &self.fault {
            Some(fault) => Err(fault.clone()),
            None if self.state == State::InMessage => Err(Fault::Truncated),
            None => Ok(()),
        }
    }

    /// The memory that an unfinished message holds.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.partial.capacity()
    }

    /// Whether white space has come between messages since this was asked last: a seed client
    /// sends none.
    pub fn take_ended_line(&mut self) -> bool {
        std::mem::take(&mut self.ended_line)
    }

    /// Whether nothing of the stream is kept here: any new decoder would go on just as well.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.state == State::BetweenMessages && self.fault.is_none()
    }

    /// Finds the next whole message.
    #[inline]
    fn find<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Found<'i>>, Fault> {
        if self.state == State::HandedOut {
            self.release();
        }
        if self.state == State::BetweenMessages {
            self.skip_space(input);
            return self.begin(input);
        }
        if !self.append(input)? {
            return Ok(None);
        }
        self.state = State::HandedOut;
        if self.partial.len() < LARGE_BYTES {
            return Ok(Some(Found::Partial));
        }
        self.large = Bytes::from(std::mem::take(&mut self.partial));
        Ok(Some(Found::Large))
    }

    /// Begins a message at the front of `input`; one that is whole there is not copied.
    #[inline]
    fn begin<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Found<'i>>, Fault> {
        let Some(&first) = input.first() else {
            return Ok(None);
        };
        if first != b'{' {
            return Err(no_object(input));
        }
        self.scanner.begin();
        let available = &input[..input.len().min(self.message_bytes + 1)];
        if let Progress::Complete(end) = self.scanner.scan(available)? {
            self.check_len(end)?;
            let (message, rest) = input.split_at(end);
            *input = rest;
            return Ok(Some(Found::Input(message)));
        }
        self.state = State::InMessage;
        self.check_len(available.len())?;
        self.partial.extend_from_slice(input);
        *input = &[];
        Ok(None)
    }

    /// Forgets the message that was handed out last, and its buffer with it.
    fn release(&mut self) {
        self.large = Bytes::new();
        self.partial = Vec::new();
        self.state = State::BetweenMessages;
    }

    fn skip_space(&mut self, input: &mut &[u8]) {
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        while let Some((_, rest)) = input.split_first().filter(|(first, _)| is_space(first)) {
            self.ended_line = true;
            *input = rest;
        }
    }

    /// Moves bytes from `input` to the unfinished message until it is whole; whether it is.
    fn append(&mut self, input: &mut &[u8]) -> Result<bool, Fault> {
        while !input.is_empty() {
            // The one byte beyond the limit is what tells that the message is too large.
            let room = self.message_bytes + 1 - self.partial.len();
            let wanted = self.partial.len().max(APPEND_BYTES).min(room);
            let (piece, rest) = input.split_at(wanted.min(input.len()));
            self.reserve(piece.len());
            self.partial.extend_from_slice(piece);
            match self.scanner.scan(&self.partial)? {
                Progress::NeedsMore => {
                    self.check_len(self.partial.len())?;
                    *input = rest;
                }
                Progress::Complete(end) => {
                    self.check_len(end)?;
                    let n_excess = self.partial.len() - end;
                    *input = &input[piece.len() - n_excess..];
                    self.partial.truncate(end);
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Grows the buffer by doubling, but never beyond what a message may have.
    fn reserve(&mut self, additional: usize) {
        let needed = self.partial.len() + additional;
        if self.partial.capacity() < needed {
            let doubled = (self.partial.capacity() * 2).min(self.message_bytes + 1);
            self.partial
                .reserve_exact(doubled.max(needed) - self.partial.len());
        }
    }

    fn check_len(&self, len: usize) -> Result<(), Fault> {
        if self.message_bytes < len {
            return Err(Fault::TooLarge {
                limit_bytes: self.message_bytes,
            });
        }
        Ok(())
    }
}

/// What is wrong with bytes that do not begin with a `{`. All but a hint needs the first byte only.
#[cold]
fn no_object(input: &[u8]) -> Fault {
    match WrongEncoding::detect(input) {
        Some(encoding) => encoding.into(),
        None if input.first() == Some(&0) => Fault::NulByte,
        None => Fault::NotAnObject {
            looks_like_http: looks_like_http(input),
        },
    }
}

/// Names the cause where a message that began with a `{` is no JSON for the zero behind it.
#[cold]
fn explain(fault: Fault, message: &[u8]) -> Fault {
    match fault {
        Fault::Syntax { offset: 1, .. } => {
            WrongEncoding::detect(message).map_or(fault, Fault::WrongEncoding)
        }
        fault => fault,
    }
}

fn looks_like_http(input: &[u8]) -> bool {
    const METHODS: [&[u8]; 9] = [
        b"GET ",
        b"POST ",
        b"PUT ",
        b"HEAD ",
        b"OPTIONS ",
        b"DELETE ",
        b"PATCH ",
        b"CONNECT ",
        b"PRI ",
    ];
    METHODS.iter().any(|method| input.starts_with(method))
}
