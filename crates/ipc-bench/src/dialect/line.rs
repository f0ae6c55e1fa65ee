//! Ours: a line of JSON a message.

use std::io::Write;

use anyhow::{Context, bail};
use memchr::memmem;

use super::{Call, Dialect, Frame};
use crate::link::Link;

/// The line dialect of ipc-server.
pub(crate) struct Line;

impl Line {
    /// Sends requests with the ids 0, 1, … and waits until all are answered.
    fn ask(&self, link: &mut Link, requests: &[String]) -> anyhow::Result<()> {
        link.say(requests.concat().as_bytes())?;
        for _ in requests {
            let line = link.line()?;
            if line.starts_with(b"{\"error\"") {
                bail!("the server declined: {}", String::from_utf8_lossy(&line));
            }
        }
        Ok(())
    }
}

impl Dialect for Line {
    fn greet(&self, link: &mut Link) -> anyhow::Result<()> {
        let hello = r#"{"object":"ipc","method":"hello","param":{"protocol":1},"id":0}"#;
        self.ask(link, &[format!("{hello}\n")])
    }

    fn provide(&self, link: &mut Link, objects: &[String]) -> anyhow::Result<()> {
        let register = |(id, object): (usize, &String)| {
            format!("{{\"reg_object\":\"{object}\",\"id\":{id}}}\n")
        };
        let requests: Vec<_> = objects.iter().enumerate().map(register).collect();
        self.ask(link, &requests)
    }

    fn prepare_caller(&self, _link: &mut Link, _caller: usize) -> anyhow::Result<()> {
        Ok(())
    }

    fn listen(&self, link: &mut Link, names: &[String], patterns: bool) -> anyhow::Result<()> {
        let kind = if patterns {
            r#","match":"pattern""#
        } else {
            ""
        };
        let listen = |(id, name): (usize, &String)| {
            format!("{{\"event_name\":\"{name}\"{kind},\"id\":{id}}}\n")
        };
        let requests: Vec<_> = names.iter().enumerate().map(listen).collect();
        self.ask(link, &requests)
    }

    fn call(&self, call: Call<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"object\":\"");
        out.extend_from_slice(call.object.as_bytes());
        out.extend_from_slice(b"\",\"method\":\"m\",\"param\":");
        out.extend_from_slice(call.payload);
        out.extend_from_slice(b",\"id\":");
        number(out, call.id);
        out.extend_from_slice(b"}\n");
    }

    fn answer(&self, call: &[u8], out: &mut Vec<u8>) -> anyhow::Result<()> {
        const PARAM: &[u8] = b"\"param\":";
        let head = &call[..call.len().min(128)];
        let start = memmem::find(head, PARAM).context("a call without a param")? + PARAM.len();
        let id = id_start(call).context("a call without an id")?;
        out.extend_from_slice(b"{\"response\":");
        // The id and its key as they came, with the closing brace and the newline.
        out.extend_from_slice(&call[start..id - ID.len()]);
        out.extend_from_slice(&call[id - ID.len()..]);
        Ok(())
    }

    fn event(&self, name: &str, payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"event\":\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\",\"result\":");
        out.extend_from_slice(payload);
        out.extend_from_slice(b"}\n");
    }

    fn next(&self, input: &[u8], searched: &mut usize) -> anyhow::Result<Option<(usize, Frame)>> {
        let Some(end) = memchr::memchr(b'\n', &input[*searched..]) else {
            *searched = input.len();
            return Ok(None);
        };
        let line = &input[..=*searched + end];
        let frame = match line {
            [b'{', b'"', b'o', ..] => Frame::Call,
            [b'{', b'"', b'r', ..] => Frame::Reply(reply_id(line).context("a reply without id")?),
            [b'{', b'"', b'e', b'v', ..] => Frame::Event,
            [b'{', b'"', b'e', ..] => bail!("{}", String::from_utf8_lossy(line)),
            _ => Frame::Other,
        };
        Ok(Some((line.len(), frame)))
    }
}

const ID: &[u8] = b",\"id\":";

/// Where the digits of the id begin, which is the last key of a message of ours.
fn id_start(line: &[u8]) -> Option<usize> {
    let tail = line.len().saturating_sub(32);
    Some(tail + memchr::memrchr(b':', &line[tail..])? + 1)
}

fn reply_id(line: &[u8]) -> Option<u32> {
    decimal(line.get(id_start(line)?..line.len() - 2)?)
}

/// Writes a number in decimal.
pub(super) fn number(out: &mut Vec<u8>, number: u32) {
    // A vector takes everything.
    write!(out, "{number}").ok();
}

/// Reads a number in decimal.
pub(super) fn decimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}
