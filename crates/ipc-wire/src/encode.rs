//! Messages out: the bytes of each verb, in both dialects.

use crate::message::{
    Call, Event, Listen, Message, Outcome, Payload, Register, Reply, Success, Wait,
};
use crate::{Text, id::Id};

/// How a connection is written to (section 3 of the protocol).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dialect {
    /// Until hello: no newline, and a space where the length would be a multiple of 4096.
    Seed,
    /// After hello: one message a line.
    Lines,
}

/// What a seed client reads at a time: it takes a shorter read for the end of a message.
pub const SEED_READ_BYTES: usize = 4096;

/// Where encoded bytes go. A `Vec<u8>` copies them; a queue may keep a large payload by reference.
pub trait Sink {
    /// Appends text of the envelope.
    fn text(&mut self, text: &[u8]);

    /// Appends a payload that needs no change.
    fn payload(&mut self, payload: &Payload<'_>);
}

impl Sink for Vec<u8> {
    fn text(&mut self, text: &[u8]) {
        self.extend_from_slice(text);
    }

    fn payload(&mut self, payload: &Payload<'_>) {
        self.extend_from_slice(payload.json());
    }
}

/// What can be sent as a message.
pub trait Encode {
    /// Writes the message, in [`Dialect::Lines`] with the end of its line, and in
    /// [`Dialect::Seed`] without an end.
    ///
    /// In [`Dialect::Lines`], line breaks between the tokens of a payload become spaces, so that
    /// a message is always one line and a payload can never look like a message of its own.
    /// Otherwise payloads are written verbatim.
    fn write(&self, out: &mut impl Sink, dialect: Dialect);

    /// Appends the message to `out` with the end that the dialect asks for.
    fn encode(&self, out: &mut Vec<u8>, dialect: Dialect) {
        let start = out.len();
        self.write(out, dialect);
        if dialect == Dialect::Seed && (out.len() - start).is_multiple_of(SEED_READ_BYTES) {
            out.push(b' ');
        }
    }
}

impl Message<'_> {
    /// [`Encode::encode`], for those who send nothing but whole messages.
    pub fn encode(&self, out: &mut Vec<u8>, dialect: Dialect) {
        Encode::encode(self, out, dialect);
    }
}

impl Encode for Message<'_> {
    fn write(&self, out: &mut impl Sink, dialect: Dialect) {
        let mut object = Writer { out, dialect };
        match self {
            Message::Register(message) => object.register(message),
            Message::Wait(message) => object.wait(message),
            Message::Call(message) => object.call(message, message.id),
            Message::Listen(message) => object.listen(message),
            Message::Event(message) => object.event(message),
            Message::Reply(message) => object.reply(message),
            Message::Success(message) => object.success(message),
            Message::Invalid(message) => object.unknown(message.id),
            Message::Unknown { id } => object.unknown(*id),
        }
        object.end();
    }
}

/// A call that is passed on under another id, without being copied for that.
#[derive(Clone, Copy, Debug)]
pub struct Forwarded<'c> {
    /// The call as it came.
    pub call: &'c Call<'c>,
    /// The id under which it is answered.
    pub id: u64,
}

impl Encode for Forwarded<'_> {
    fn write(&self, out: &mut impl Sink, dialect: Dialect) {
        let mut object = Writer { out, dialect };
        object.call(self.call, Some(Id::Number(self.id)));
        object.end();
    }
}

/// An object that is being written; every key comes with the punctuation before it. Keys are
/// constants, so that what writes them is made for their length.
struct Writer<'o, S> {
    out: &'o mut S,
    dialect: Dialect,
}

impl<S: Sink> Writer<'_, S> {
    fn register(&mut self, message: &Register<'_>) {
        self.text(r#"{"reg_object":"#, Some(message.object));
        self.text(r#","mode":"#, message.mode);
        self.payload(r#","interface":"#, message.interface.as_ref());
        self.id(message.id);
    }

    fn wait(&mut self, message: &Wait<'_>) {
        self.payload(r#"{"list":"#, Some(&message.objects));
        self.payload(r#","missing":"#, message.missing.as_ref());
        self.number(r#","timeout_ms":"#, message.timeout_ms);
        self.id(message.id);
    }

    fn call(&mut self, message: &Call<'_>, id: Option<Id<'_>>) {
        self.text(r#"{"object":"#, Some(message.object));
        self.text(r#","method":"#, Some(message.method));
        self.payload(r#","param":"#, message.param.as_ref());
        self.number(r#","timeout_ms":"#, message.timeout_ms);
        self.payload(r#","headers":"#, message.headers.as_ref());
        self.flag(r#","stream":"#, message.stream);
        self.id(id);
    }

    fn listen(&mut self, message: &Listen<'_>) {
        self.text(r#"{"event_name":"#, Some(message.event));
        self.text(r#","match":"#, message.matching);
        self.id(message.id);
    }

    fn event(&mut self, message: &Event<'_>) {
        self.text(r#"{"event":"#, Some(message.event));
        self.payload(r#","result":"#, Some(&message.result));
        self.flag(r#","retain":"#, message.retain);
        self.id(message.id);
    }

    fn reply(&mut self, message: &Reply<'_>) {
        match message.outcome {
            Outcome::Response(response) => self.payload(r#"{"response":"#, Some(&response)),
            Outcome::Error { error, code } => {
                self.payload(r#"{"error":"#, Some(&error));
                self.text(r#","code":"#, code);
            }
        }
        self.flag(r#","more":"#, message.more);
        self.id(message.id);
    }

    fn success(&mut self, message: &Success<'_>) {
        self.text(r#"{"success":"#, Some(Text::from_literal(b"\"OK\"")));
        self.number(r#","delivered":"#, message.delivered);
        self.id(message.id);
    }

    fn unknown(&mut self, id: Option<Id<'_>>) {
        self.out.text(b"{");
        if let Some(id) = id {
            self.out.text(br#""id":"#);
            self.id_value(id);
        }
    }

    #[inline]
    fn text(&mut self, key: &'static str, value: Option<Text<'_>>) {
        if let Some(value) = value {
            self.out.text(key.as_bytes());
            self.out.text(value.literal());
        }
    }

    #[inline]
    fn id(&mut self, id: Option<Id<'_>>) {
        if let Some(id) = id {
            self.out.text(br#","id":"#);
            self.id_value(id);
        }
    }

    fn id_value(&mut self, id: Id<'_>) {
        match id {
            Id::Number(number) => self.out.text(itoa::Buffer::new().format(number).as_bytes()),
            Id::Json(json) => self.out.text(json),
        }
    }

    #[inline]
    fn number(&mut self, key: &'static str, value: Option<u64>) {
        if let Some(value) = value {
            self.out.text(key.as_bytes());
            self.out.text(itoa::Buffer::new().format(value).as_bytes());
        }
    }

    #[inline]
    fn flag(&mut self, key: &'static str, value: bool) {
        if value {
            self.out.text(key.as_bytes());
            self.out.text(b"true");
        }
    }

    #[inline]
    fn payload(&mut self, key: &'static str, value: Option<&Payload<'_>>) {
        if let Some(value) = value {
            self.out.text(key.as_bytes());
            self.payload_value(value);
        }
    }

    fn payload_value(&mut self, value: &Payload<'_>) {
        if self.dialect == Dialect::Seed || value.is_one_line() {
            self.out.payload(value);
        } else {
            self.joined_lines(value.json());
        }
    }

    /// A payload of several lines, as one: line breaks only stand between tokens.
    fn joined_lines(&mut self, json: &[u8]) {
        for (n, line) in json.split(|byte| matches!(byte, b'\n' | b'\r')).enumerate() {
            if 0 < n {
                self.out.text(b" ");
            }
            self.out.text(line);
        }
    }

    fn end(&mut self) {
        self.out.text(match self.dialect {
            Dialect::Lines => b"}\n",
            Dialect::Seed => b"}",
        });
    }
}
