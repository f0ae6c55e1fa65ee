//! D-Bus, for both of its brokers: little-endian messages with one array of bytes as body, which
//! no broker has to look into.

use std::os::unix::fs::MetadataExt;

use anyhow::{Context, bail};

use super::{Call, Dialect, Frame};
use crate::link::Link;

/// The protocol of D-Bus, as far as calls and signals go.
pub(crate) struct Dbus;

const CALL: u8 = 1;
const RETURN: u8 = 2;
const ERROR: u8 = 3;
const SIGNAL: u8 = 4;

const PATH: u8 = 1;
const INTERFACE: u8 = 2;
const MEMBER: u8 = 3;
const REPLY_SERIAL: u8 = 5;
const DESTINATION: u8 = 6;
const SENDER: u8 = 7;
const SIGNATURE: u8 = 8;

const BUS: &str = "org.freedesktop.DBus";

/// What the benchmark's names begin with, where D-Bus wants two elements.
const PREFIX: &str = "bench.";

/// Serials of calls that set something up; those of the benchmark are smaller.
const SETUP_SERIAL: u32 = u32::MAX;

impl Dbus {
    /// Calls a method of the bus itself and waits for its answer.
    fn ask(
        &self,
        link: &mut Link,
        member: &str,
        signature: &str,
        body: &[u8],
    ) -> anyhow::Result<()> {
        let mut out = Vec::new();
        let mut message = Message::new(CALL, 0, SETUP_SERIAL, &mut out);
        message.text(PATH, b'o', b"/org/freedesktop/DBus");
        message.text(INTERFACE, b's', BUS.as_bytes());
        message.text(MEMBER, b's', member.as_bytes());
        message.text(DESTINATION, b's', BUS.as_bytes());
        if !signature.is_empty() {
            message.signature(signature);
        }
        message.body(body);
        link.say(&out)?;
        loop {
            if let (_, Frame::Reply(id)) = link.frame(self)?
                && id == SETUP_SERIAL - 1
            {
                return Ok(());
            }
        }
    }
}

impl Dialect for Dbus {
    fn greet(&self, link: &mut Link) -> anyhow::Result<()> {
        let user = std::fs::metadata("/proc/self")?.uid().to_string();
        let hex: String = user.bytes().map(|byte| format!("{byte:02x}")).collect();
        link.say(format!("\0AUTH EXTERNAL {hex}\r\n").as_bytes())?;
        let answer = link.line()?;
        if !answer.starts_with(b"OK ") {
            bail!("D-Bus: {}", String::from_utf8_lossy(&answer));
        }
        link.say(b"BEGIN\r\n")?;
        self.ask(link, "Hello", "", &[])
    }

    fn provide(&self, link: &mut Link, objects: &[String]) -> anyhow::Result<()> {
        for object in objects {
            let mut body = text(&format!("{PREFIX}{object}"));
            align(&mut body, 4);
            body.extend_from_slice(&0_u32.to_le_bytes());
            self.ask(link, "RequestName", "su", &body)?;
        }
        Ok(())
    }

    fn prepare_caller(&self, _link: &mut Link, _caller: usize) -> anyhow::Result<()> {
        Ok(())
    }

    fn listen(&self, link: &mut Link, names: &[String], _patterns: bool) -> anyhow::Result<()> {
        for name in names {
            let rule = format!("type='signal',interface='{PREFIX}I',member='{name}'");
            self.ask(link, "AddMatch", "s", &text(&rule))?;
        }
        Ok(())
    }

    fn call(&self, call: Call<'_>, out: &mut Vec<u8>) {
        let mut message = Message::new(CALL, 0, call.id + 1, out);
        message.text(PATH, b'o', b"/");
        message.text(INTERFACE, b's', b"bench.I");
        message.text(MEMBER, b's', b"m");
        message.object(call.object);
        message.signature("ay");
        message.bytes(call.payload);
    }

    fn answer(&self, call: &[u8], out: &mut Vec<u8>) -> anyhow::Result<()> {
        let fields = Fields::read(call).context("half a call")?;
        let mut message = Message::new(RETURN, 1, 1, out);
        message.number(REPLY_SERIAL, fields.serial);
        message.text(DESTINATION, b's', fields.sender.unwrap_or_default());
        message.signature("ay");
        message.body(&call[call.len() - fields.body_bytes..]);
        Ok(())
    }

    fn event(&self, name: &str, payload: &[u8], out: &mut Vec<u8>) {
        let mut message = Message::new(SIGNAL, 1, 1, out);
        message.text(PATH, b'o', b"/");
        message.text(INTERFACE, b's', b"bench.I");
        message.text(MEMBER, b's', name.as_bytes());
        message.signature("ay");
        message.bytes(payload);
    }

    fn next(&self, input: &[u8], _searched: &mut usize) -> anyhow::Result<Option<(usize, Frame)>> {
        let Some(n_bytes) = length(input).filter(|n_bytes| *n_bytes <= input.len()) else {
            return Ok(None);
        };
        let message = &input[..n_bytes];
        let fields = Fields::read(message).context("not a message of D-Bus")?;
        let frame = match fields.kind {
            CALL => Frame::Call,
            RETURN => Frame::Reply(fields.reply_serial.saturating_sub(1)),
            ERROR => bail!("D-Bus: {}", String::from_utf8_lossy(message)),
            SIGNAL if fields.is_ours => Frame::Event,
            _ => Frame::Other,
        };
        Ok(Some((n_bytes, frame)))
    }
}

/// The length of the message that begins here, once so much of it is there.
fn length(input: &[u8]) -> Option<usize> {
    let head = input.get(..16)?;
    let (body, fields) = (word(head, 4)? as usize, word(head, 12)? as usize);
    Some((16 + fields).next_multiple_of(8) + body)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(word.try_into().ok()?))
}

/// The fields of a received message that matter here.
struct Fields<'a> {
    kind: u8,
    serial: u32,
    body_bytes: usize,
    reply_serial: u32,
    sender: Option<&'a [u8]>,
    is_ours: bool,
}

impl<'a> Fields<'a> {
    fn read(message: &'a [u8]) -> Option<Self> {
        let mut fields = Self {
            kind: *message.get(1)?,
            serial: word(message, 8)?,
            body_bytes: word(message, 4)? as usize,
            reply_serial: 0,
            sender: None,
            is_ours: false,
        };
        let end = 16 + word(message, 12)? as usize;
        let mut at = 16_usize;
        while at < end {
            at = at.next_multiple_of(8);
            let (code, kind) = (*message.get(at)?, *message.get(at + 2)?);
            at += 4;
            if kind == b'g' {
                at += 2 + usize::from(*message.get(at)?);
                continue;
            }
            let value = word(message, at)?;
            at += 4;
            if kind == b'u' {
                if code == REPLY_SERIAL {
                    fields.reply_serial = value;
                }
                continue;
            }
            let text = message.get(at..at + value as usize)?;
            match code {
                SENDER => fields.sender = Some(text),
                INTERFACE => fields.is_ours = text == b"bench.I",
                _ => {}
            }
            at += value as usize + 1;
        }
        Some(fields)
    }
}

/// A message that is being written.
struct Message<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Message<'a> {
    fn new(kind: u8, flags: u8, serial: u32, out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        out.extend_from_slice(&[b'l', kind, flags, 1, 0, 0, 0, 0]);
        out.extend_from_slice(&serial.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        Self { out, start }
    }

    fn field(&mut self, code: u8, kind: u8) {
        self.pad();
        self.out.extend_from_slice(&[code, 1, kind, 0]);
    }

    fn text(&mut self, code: u8, kind: u8, text: &[u8]) {
        self.field(code, kind);
        self.out.extend_from_slice(&size(text).to_le_bytes());
        self.out.extend_from_slice(text);
        self.out.push(0);
    }

    /// The destination: the prefix of all names, and the name.
    fn object(&mut self, object: &str) {
        self.field(DESTINATION, b's');
        let n_bytes = size(PREFIX.as_bytes()) + size(object.as_bytes());
        self.out.extend_from_slice(&n_bytes.to_le_bytes());
        self.out.extend_from_slice(PREFIX.as_bytes());
        self.out.extend_from_slice(object.as_bytes());
        self.out.push(0);
    }

    fn number(&mut self, code: u8, number: u32) {
        self.field(code, b'u');
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    fn signature(&mut self, signature: &str) {
        self.field(SIGNATURE, b'g');
        self.out
            .push(u8::try_from(signature.len()).unwrap_or_default());
        self.out.extend_from_slice(signature.as_bytes());
        self.out.push(0);
    }

    /// Ends the message with an array of bytes.
    fn bytes(mut self, bytes: &[u8]) {
        self.end_fields();
        self.end(size(bytes) + 4);
        self.out.extend_from_slice(&size(bytes).to_le_bytes());
        self.out.extend_from_slice(bytes);
    }

    /// Ends the message with a body that is already encoded.
    fn body(mut self, body: &[u8]) {
        self.end_fields();
        self.end(size(body));
        self.out.extend_from_slice(body);
    }

    fn end_fields(&mut self) {
        let n_bytes = size(&self.out[self.start + 16..]);
        self.out[self.start + 12..self.start + 16].copy_from_slice(&n_bytes.to_le_bytes());
        self.pad();
    }

    fn end(&mut self, body_bytes: u32) {
        self.out[self.start + 4..self.start + 8].copy_from_slice(&body_bytes.to_le_bytes());
    }

    fn pad(&mut self) {
        let n_bytes = (self.out.len() - self.start).next_multiple_of(8);
        self.out.resize(self.start + n_bytes, 0);
    }
}

fn text(text: &str) -> Vec<u8> {
    let mut body = size(text.as_bytes()).to_le_bytes().to_vec();
    body.extend_from_slice(text.as_bytes());
    body.push(0);
    body
}

fn align(body: &mut Vec<u8>, n_bytes: usize) {
    body.resize(body.len().next_multiple_of(n_bytes), 0);
}

/// A length as D-Bus writes it; nothing of the benchmark comes near 4 GiB.
fn size(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
