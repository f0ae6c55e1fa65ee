//! MQTT 3.1.1 at quality of service 0: events; it has no calls.

use anyhow::{bail, ensure};

use super::{Call, Dialect, Frame};
use crate::link::Link;

/// The protocol of mosquitto, as far as events go.
pub(crate) struct Mqtt;

const PUBLISH: u8 = 0x30;

impl Dialect for Mqtt {
    fn greet(&self, link: &mut Link) -> anyhow::Result<()> {
        // Version 4, a clean session, no keep-alive, and no name: the broker chooses one.
        link.say(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00")?;
        let answer = link.bytes(4)?;
        ensure!(
            answer == [0x20, 2, 0, 0],
            "MQTT: refused with {}",
            answer[3]
        );
        Ok(())
    }

    fn provide(&self, _link: &mut Link, _objects: &[String]) -> anyhow::Result<()> {
        bail!("MQTT 3 has no calls")
    }

    fn prepare_caller(&self, _link: &mut Link, _caller: usize) -> anyhow::Result<()> {
        bail!("MQTT 3 has no calls")
    }

    fn listen(&self, link: &mut Link, names: &[String], _patterns: bool) -> anyhow::Result<()> {
        for name in names {
            let mut body = vec![0, 1];
            text(name, &mut body);
            body.push(0);
            let mut packet = vec![0x82];
            length(body.len(), &mut packet);
            packet.extend_from_slice(&body);
            link.say(&packet)?;
            let answer = link.bytes(5)?;
            ensure!(answer[0] == 0x90 && answer[4] == 0, "MQTT: no subscription");
        }
        Ok(())
    }

    fn call(&self, _call: Call<'_>, _out: &mut Vec<u8>) {}

    fn answer(&self, _call: &[u8], _out: &mut Vec<u8>) -> anyhow::Result<()> {
        bail!("MQTT 3 has no calls")
    }

    fn event(&self, name: &str, payload: &[u8], out: &mut Vec<u8>) {
        out.push(PUBLISH);
        length(2 + name.len() + payload.len(), out);
        text(name, out);
        out.extend_from_slice(payload);
    }

    fn next(&self, input: &[u8], _searched: &mut usize) -> anyhow::Result<Option<(usize, Frame)>> {
        let mut n_bytes = 0;
        for (i, byte) in input.iter().skip(1).take(4).enumerate() {
            n_bytes |= usize::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                let end = 2 + i + n_bytes;
                let frame = if input[0] & 0xf0 == PUBLISH {
                    Frame::Event
                } else {
                    Frame::Other
                };
                return Ok((end <= input.len()).then_some((end, frame)));
            }
        }
        Ok(None)
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    // Names of the benchmark are short.
    let n_bytes = u16::try_from(text.len()).unwrap_or_default();
    out.extend_from_slice(&n_bytes.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Writes a length, seven bits a byte, the lowest first.
fn length(mut n_bytes: usize, out: &mut Vec<u8>) {
    loop {
        // Seven bits always fit.
        let low = u8::try_from(n_bytes & 0x7f).unwrap_or_default();
        n_bytes >>= 7;
        if n_bytes == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}
