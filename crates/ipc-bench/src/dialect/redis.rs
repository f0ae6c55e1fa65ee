//! Redis: publish and subscribe; it has no calls.

use anyhow::{Context, bail, ensure};

use super::{Call, Dialect, Frame, line::decimal};
use crate::link::Link;

/// The protocol of Redis, as far as events go.
pub(crate) struct Redis;

impl Dialect for Redis {
    fn greet(&self, link: &mut Link) -> anyhow::Result<()> {
        link.say(b"PING\r\n")?;
        ensure!(link.line()? == b"+PONG\r\n", "this is not Redis");
        Ok(())
    }

    fn provide(&self, _link: &mut Link, _objects: &[String]) -> anyhow::Result<()> {
        bail!("Redis has no calls")
    }

    fn prepare_caller(&self, _link: &mut Link, _caller: usize) -> anyhow::Result<()> {
        bail!("Redis has no calls")
    }

    fn listen(&self, link: &mut Link, names: &[String], patterns: bool) -> anyhow::Result<()> {
        let verb = if patterns { "PSUBSCRIBE" } else { "SUBSCRIBE" };
        for name in names {
            link.say(format!("{verb} {name}\r\n").as_bytes())?;
            link.frame(self)?;
        }
        Ok(())
    }

    fn call(&self, _call: Call<'_>, _out: &mut Vec<u8>) {}

    fn answer(&self, _call: &[u8], _out: &mut Vec<u8>) -> anyhow::Result<()> {
        bail!("Redis has no calls")
    }

    fn event(&self, name: &str, payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"*3\r\n$7\r\nPUBLISH\r\n");
        for part in [name.as_bytes(), payload] {
            out.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
            out.extend_from_slice(part);
            out.extend_from_slice(b"\r\n");
        }
    }

    fn next(&self, input: &[u8], _searched: &mut usize) -> anyhow::Result<Option<(usize, Frame)>> {
        let Some((n_parts, mut at)) = line(input)? else {
            return Ok(None);
        };
        if input[0] != b'*' {
            return Ok(Some((at, Frame::Other)));
        }
        let mut is_event = false;
        for part in 0..n_parts {
            let Some(rest) = input.get(at..) else {
                return Ok(None);
            };
            let Some((n_bytes, start)) = line(rest)? else {
                return Ok(None);
            };
            if input[at] == b'$' {
                let bytes = input.get(at + start..at + start + n_bytes);
                is_event |= part == 0 && bytes.is_some_and(|bytes| bytes.ends_with(b"message"));
                at += n_bytes + 2;
            }
            at += start;
        }
        let frame = if is_event { Frame::Event } else { Frame::Other };
        Ok((at <= input.len()).then_some((at, frame)))
    }
}

/// The number of a line such as `$64`, and the length of the line.
fn line(input: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    let Some(end) = memchr::memchr(b'\n', input) else {
        return Ok(None);
    };
    let line = &input[..end.saturating_sub(1)];
    match line {
        [b'-', ..] => bail!("Redis: {}", String::from_utf8_lossy(line)),
        [b'+', ..] => Ok(Some((0, end + 1))),
        _ => {
            let number = line.get(1..).and_then(decimal).context("not a number")?;
            Ok(Some((number as usize, end + 1)))
        }
    }
}
