//! ipc-broker: JSON behind its length, four bytes with the highest first. It takes messages of up
//! to 64 KiB.

use anyhow::{Context, bail};
use memchr::memmem;

use super::{
    Call, Dialect, Frame,
    line::{decimal, number},
};
use crate::link::Link;

/// The protocol of ipc-broker, as far as calls and events go.
pub(crate) struct IpcBroker;

/// Bytes of the length.
const HEAD: usize = 4;

impl IpcBroker {
    /// Sends requests and waits for as many answers, which confirm them.
    fn ask(&self, link: &mut Link, requests: &[String]) -> anyhow::Result<()> {
        let mut out = Vec::new();
        for request in requests {
            framed(&mut out, |out| out.extend_from_slice(request.as_bytes()));
        }
        link.say(&out)?;
        for _ in requests {
            link.frame(self)?;
        }
        Ok(())
    }
}

impl Dialect for IpcBroker {
    fn greet(&self, _link: &mut Link) -> anyhow::Result<()> {
        Ok(())
    }

    fn provide(&self, link: &mut Link, objects: &[String]) -> anyhow::Result<()> {
        let register =
            |object: &String| format!("{{\"RegisterObject\":{{\"object_name\":\"{object}\"}}}}");
        let requests: Vec<_> = objects.iter().map(register).collect();
        self.ask(link, &requests)
    }

    fn prepare_caller(&self, _link: &mut Link, _caller: usize) -> anyhow::Result<()> {
        Ok(())
    }

    fn listen(&self, link: &mut Link, names: &[String], patterns: bool) -> anyhow::Result<()> {
        if patterns {
            bail!("ipc-broker has no patterns");
        }
        let subscribe = |name: &String| {
            format!("{{\"Subscribe\":{{\"object_name\":\"bench\",\"topic\":\"{name}\"}}}}")
        };
        let requests: Vec<_> = names.iter().map(subscribe).collect();
        self.ask(link, &requests)
    }

    fn call(&self, call: Call<'_>, out: &mut Vec<u8>) {
        framed(out, |out| {
            // The broker knows all calls by one name: that of the caller and that of the call.
            out.extend_from_slice(b"{\"Call\":{\"call_id\":\"");
            number(out, u32::try_from(call.caller).unwrap_or_default());
            out.push(b'.');
            number(out, call.id);
            out.extend_from_slice(b"\",\"object_name\":\"");
            out.extend_from_slice(call.object.as_bytes());
            out.extend_from_slice(b"\",\"method\":\"m\",\"args\":");
            out.extend_from_slice(call.payload);
            out.extend_from_slice(b"}}");
        });
    }

    fn answer(&self, call: &[u8], out: &mut Vec<u8>) -> anyhow::Result<()> {
        const ARGS: &[u8] = b",\"args\":";
        let id = call_id(call).context("a call without an id")?;
        let head = &call[..call.len().min(256)];
        let start = memmem::find(head, ARGS).context("a call without args")? + ARGS.len();
        framed(out, |out| {
            out.extend_from_slice(b"{\"Result\":{\"call_id\":\"");
            out.extend_from_slice(id);
            out.extend_from_slice(b"\",\"object_name\":\"bench\",\"value\":");
            // The two closing braces as they came.
            out.extend_from_slice(&call[start..]);
        });
        Ok(())
    }

    fn event(&self, name: &str, payload: &[u8], out: &mut Vec<u8>) {
        framed(out, |out| {
            out.extend_from_slice(b"{\"Publish\":{\"object_name\":\"bench\",\"topic\":\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\",\"args\":");
            out.extend_from_slice(payload);
            out.extend_from_slice(b"}}");
        });
    }

    fn next(&self, input: &[u8], _searched: &mut usize) -> anyhow::Result<Option<(usize, Frame)>> {
        let Some((length, rest)) = input.split_first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let n_bytes = u32::from_be_bytes(*length) as usize;
        let Some(message) = rest.get(..n_bytes) else {
            return Ok(None);
        };
        let frame = match message {
            [b'{', b'"', b'C', ..] => Frame::Call,
            [b'{', b'"', b'R', b'e', b's', ..] => {
                let id = call_id(message).context("a result without an id")?;
                let dot = memchr::memchr(b'.', id).context("a foreign id")?;
                Frame::Reply(decimal(&id[dot + 1..]).context("a foreign id")?)
            }
            [b'{', b'"', b'E', b'v', ..] => Frame::Event,
            [b'{', b'"', b'E', ..] => bail!("ipc-broker: {}", String::from_utf8_lossy(message)),
            _ => Frame::Other,
        };
        Ok(Some((HEAD + n_bytes, frame)))
    }
}

/// The text of a call's id, which is the first member.
fn call_id(message: &[u8]) -> Option<&[u8]> {
    const KEY: &[u8] = b"\"call_id\":\"";
    let start = memmem::find(&message[..message.len().min(64)], KEY)? + KEY.len();
    let end = start + memchr::memchr(b'"', &message[start..])?;
    Some(&message[start..end])
}

fn framed(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    write(out);
    // Nothing of the benchmark comes near 4 GiB.
    let n_bytes = u32::try_from(out.len() - start - HEAD).unwrap_or(u32::MAX);
    out[start..start + HEAD].copy_from_slice(&n_bytes.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_carries_the_id_and_the_payload_of_its_call() {
        let call = Call {
            caller: 3,
            id: 17,
            object: "bench",
            payload: br#"{"a":[1]}"#,
        };
        let (mut sent, mut answer) = (Vec::new(), Vec::new());
        IpcBroker.call(call, &mut sent);
        IpcBroker.answer(&sent, &mut answer).unwrap();

        let frame = IpcBroker.next(&answer, &mut 0).unwrap();

        assert_eq!(frame, Some((answer.len(), Frame::Reply(17))));
        let text = String::from_utf8_lossy(&answer[HEAD..]).into_owned();
        assert!(text.ends_with(r#""value":{"a":[1]}}}"#), "{text}");
    }

    #[test]
    fn half_a_message_is_none() {
        let mut event = Vec::new();
        IpcBroker.event("tick", b"1", &mut event);

        let frame = IpcBroker.next(&event[..event.len() - 1], &mut 0).unwrap();

        assert_eq!(frame, None);
    }
}
