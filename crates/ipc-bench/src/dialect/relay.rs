//! What is sent through the raw relay: a length, a number, the payload. The relay looks at none
//! of it.

use anyhow::ensure;

use super::{Call, Dialect, Frame};
use crate::{link::Link, relay::READY};

/// Bytes before the payload: length, kind, number.
const HEAD: usize = 9;

/// The framing of the relay's clients.
pub(crate) struct Framed;

const CALL: u8 = 0;
const REPLY: u8 = 1;
const EVENT: u8 = 2;

impl Dialect for Framed {
    fn greet(&self, link: &mut Link) -> anyhow::Result<()> {
        ensure!(link.bytes(1)? == [READY], "this is not the relay");
        Ok(())
    }

    fn provide(&self, _link: &mut Link, _objects: &[String]) -> anyhow::Result<()> {
        Ok(())
    }

    fn prepare_caller(&self, _link: &mut Link, _caller: usize) -> anyhow::Result<()> {
        Ok(())
    }

    fn listen(&self, _link: &mut Link, _names: &[String], _patterns: bool) -> anyhow::Result<()> {
        Ok(())
    }

    fn call(&self, call: Call<'_>, out: &mut Vec<u8>) {
        frame(CALL, call.id, call.payload, out);
    }

    fn answer(&self, call: &[u8], out: &mut Vec<u8>) -> anyhow::Result<()> {
        let start = out.len();
        out.extend_from_slice(call);
        out[start + 4] = REPLY;
        Ok(())
    }

    fn event(&self, _name: &str, payload: &[u8], out: &mut Vec<u8>) {
        frame(EVENT, 0, payload, out);
    }

    fn next(&self, input: &[u8], _searched: &mut usize) -> anyhow::Result<Option<(usize, Frame)>> {
        let Some((&[a, b, c, d, kind, rest @ ..], _)) = input.split_first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let n_bytes = u32::from_le_bytes([a, b, c, d]) as usize + HEAD;
        if input.len() < n_bytes {
            return Ok(None);
        }
        let frame = match kind {
            CALL => Frame::Call,
            REPLY => Frame::Reply(u32::from_le_bytes(rest)),
            _ => Frame::Event,
        };
        Ok(Some((n_bytes, frame)))
    }
}

fn frame(kind: u8, id: u32, payload: &[u8], out: &mut Vec<u8>) {
    // No payload of the benchmark comes near 4 GiB.
    let n_bytes = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&n_bytes.to_le_bytes());
    out.push(kind);
    out.extend_from_slice(&id.to_le_bytes());
    out.extend_from_slice(payload);
}
