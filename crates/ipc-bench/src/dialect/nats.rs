//! NATS: `PUB` and `MSG` with a length, payloads of any bytes.

use anyhow::{Context, bail, ensure};

use super::{
    Call, Dialect, Frame,
    line::{decimal, number},
};
use crate::link::Link;

/// The protocol of NATS, as far as requests and events go.
pub(crate) struct Nats;

/// Replies go to subjects that begin so; the caller's number and the call's follow.
const INBOX: &[u8] = b"inbox.";

impl Nats {
    fn subscribe(&self, link: &mut Link, subjects: &[String]) -> anyhow::Result<()> {
        let mut out = Vec::new();
        for (sid, subject) in subjects.iter().enumerate() {
            // The number of a subscription has as many digits in every message.
            out.extend_from_slice(format!("SUB {subject} {}\r\n", 10_000 + sid).as_bytes());
        }
        link.say(&out)?;
        self.settle(link)
    }

    /// Waits until the server has handled what was sent.
    fn settle(&self, link: &mut Link) -> anyhow::Result<()> {
        link.say(b"PING\r\n")?;
        loop {
            let line = link.line()?;
            if line == b"PONG\r\n" {
                return Ok(());
            }
            // A server may send its INFO again.
            ensure!(
                line.starts_with(b"INFO "),
                "NATS: {}",
                String::from_utf8_lossy(&line)
            );
        }
    }
}

impl Dialect for Nats {
    fn greet(&self, link: &mut Link) -> anyhow::Result<()> {
        ensure!(link.line()?.starts_with(b"INFO "), "this is not NATS");
        link.say(
            b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\
              \"no_responders\":true,\"lang\":\"bench\",\"version\":\"1\",\"protocol\":1}\r\n",
        )?;
        self.settle(link)
    }

    fn provide(&self, link: &mut Link, objects: &[String]) -> anyhow::Result<()> {
        self.subscribe(link, objects)
    }

    fn prepare_caller(&self, link: &mut Link, caller: usize) -> anyhow::Result<()> {
        self.subscribe(link, &[format!("inbox.{caller}.*")])
    }

    fn listen(&self, link: &mut Link, names: &[String], _patterns: bool) -> anyhow::Result<()> {
        self.subscribe(link, names)
    }

    fn call(&self, call: Call<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"PUB ");
        out.extend_from_slice(call.object.as_bytes());
        out.push(b' ');
        out.extend_from_slice(INBOX);
        number(out, u32::try_from(call.caller).unwrap_or_default());
        out.push(b'.');
        number(out, call.id);
        carry(call.payload, out);
    }

    fn answer(&self, call: &[u8], out: &mut Vec<u8>) -> anyhow::Result<()> {
        let head = Head::read(call)?.context("half a call")?;
        out.extend_from_slice(b"PUB ");
        out.extend_from_slice(head.reply.context("a call without an inbox")?);
        carry(&call[head.n_bytes..call.len() - 2], out);
        Ok(())
    }

    fn event(&self, name: &str, payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"PUB ");
        out.extend_from_slice(name.as_bytes());
        carry(payload, out);
    }

    fn next(&self, input: &[u8], _searched: &mut usize) -> anyhow::Result<Option<(usize, Frame)>> {
        let Some(head) = Head::read(input)? else {
            return Ok(None);
        };
        let n_bytes = head.n_bytes + head.payload_bytes;
        if input.len() < n_bytes {
            return Ok(None);
        }
        let frame = if head.subject.is_empty() {
            Frame::Other
        } else if head.reply.is_some() {
            Frame::Call
        } else if head.subject.starts_with(INBOX) {
            let dot = memchr::memrchr(b'.', head.subject).unwrap_or_default();
            Frame::Reply(decimal(&head.subject[dot + 1..]).context("a foreign inbox")?)
        } else {
            Frame::Event
        };
        Ok(Some((n_bytes, frame)))
    }

    /// It measures the way to a new client by a ping, soon after it has come.
    fn interjection(&self) -> Option<&'static [u8]> {
        Some(b"PING\r\n")
    }
}

/// The line before a payload.
#[derive(Default)]
struct Head<'a> {
    /// Of the line itself, with its end.
    n_bytes: usize,
    /// Empty for a line without a payload.
    subject: &'a [u8],
    reply: Option<&'a [u8]>,
    /// With the line break that follows.
    payload_bytes: usize,
}

impl<'a> Head<'a> {
    fn read(input: &'a [u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = memchr::memchr(b'\n', input) else {
            return Ok(None);
        };
        let n_bytes = end + 1;
        let line = &input[..end.saturating_sub(1)];
        let Some(words) = line.strip_prefix(b"MSG ") else {
            if line.starts_with(b"-ERR") || line.starts_with(b"HMSG") {
                bail!("NATS: {}", String::from_utf8_lossy(line));
            }
            return Ok(Some(Self {
                n_bytes,
                ..Self::default()
            }));
        };
        let mut words = words.split(|byte| *byte == b' ');
        let (subject, _sid) = (words.next(), words.next());
        let (third, fourth) = (words.next(), words.next());
        let (reply, payload_bytes) = match fourth {
            Some(payload_bytes) => (third, payload_bytes),
            None => (None, third.context("a MSG without a length")?),
        };
        Ok(Some(Self {
            n_bytes,
            subject: subject.unwrap_or_default(),
            reply,
            payload_bytes: decimal(payload_bytes).context("not a length")? as usize + 2,
        }))
    }
}

fn carry(payload: &[u8], out: &mut Vec<u8>) {
    out.push(b' ');
    number(out, u32::try_from(payload.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}
