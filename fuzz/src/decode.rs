//! What must hold of the decoder for every stream and every way to cut it.
//!
//! The fuzz targets `decode` and `payload` and the tests of `ipc-wire` include this file, so that
//! what a fuzzer finds is replayed by stable `cargo test`. The oracle is `serde_json`'s scanner of
//! raw values: it follows the grammar of RFC 8259 without an opinion on ranges of numbers or
//! halves of surrogate pairs, and without a limit of depth. The decoder without vector
//! instructions has to find what the one with them finds.

use std::collections::HashMap;

use ipc_wire::{Code, DecodeLimits, Decoder, Dialect, Fault, Message, Whole};
use serde_json::{error::Category, value::RawValue};

/// Limits small enough for a fuzzer to run into.
const TIGHT: DecodeLimits = DecodeLimits {
    message_bytes: 64,
    depth: 4,
};

/// What came out of a stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Outcome {
    /// The messages, encoded again with their payloads verbatim.
    pub(crate) messages: Vec<Vec<u8>>,
    /// What was wrong, a stream that ends within a message included.
    pub(crate) fault: Option<Fault>,
}

/// Checks one input of the fuzzer: a stream, and behind its last `0xFF` (which is in no valid
/// stream) the lengths of the pieces it is cut into, again and again.
pub(crate) fn check(data: &[u8]) {
    let last_mark = data.iter().rposition(|&byte| byte == 0xFF);
    let (stream, cuts) = match last_mark {
        Some(mark) => (&data[..mark], &data[mark + 1..]),
        None => (data, &[][..]),
    };
    check_stream(stream, cuts);
}

/// Checks everything that must hold of one stream.
pub(crate) fn check_stream(stream: &[u8], cuts: &[u8]) {
    let whole = check_cutting(stream, cuts, DecodeLimits::default());
    check_against_oracle(stream, &whole);
    for message in &whole.messages {
        check_encoding(message);
    }
    let tight = check_cutting(stream, cuts, TIGHT);
    assert!(
        whole.messages.starts_with(&tight.messages),
        "limits change no message, they only end the stream sooner"
    );
}

/// Checks a payload that begins a little way into a message, as the input's first byte says, so
/// that everything in it stands anywhere in the blocks that the scanner looks at. Then the same as an
/// element among many.
pub(crate) fn check_payload(data: &[u8]) {
    let Some((&offset, payload)) = data.split_first() else {
        return;
    };
    let filling = "~".repeat(usize::from(offset % 128));
    let head = format!("{{\"filling\":\"{filling}\",\"response\":");
    check_stream(&[head.as_bytes(), payload, b"}"].concat(), &[offset, 1]);
    // In large containers, of which the scanner looks at 512 bytes together, and behind the first
    // 4 KiB at 2,048. Another message follows, which is looked at with the end.
    let blanks = " ".repeat(usize::from(offset % 128));
    for (n_before, n_after) in [(60, 150), (1500, 500)] {
        let (before, after) = ("12,".repeat(n_before), ",34".repeat(n_after));
        let head = format!("{{\"response\":[{before}{blanks}");
        let next = format!("]}}{{\"event\":\"e\",\"result\":[{after}{before}7]}}");
        let stream = [head.as_bytes(), payload, after.as_bytes(), next.as_bytes()].concat();
        check_pieces(&stream, &[offset, 200], DecodeLimits::default());
    }
}

/// Decodes a stream that arrives in these pieces.
pub(crate) fn outcome<'p>(
    pieces: impl IntoIterator<Item = &'p [u8]>,
    limits: DecodeLimits,
) -> Outcome {
    decoded(Decoder::new(limits), pieces, limits)
}

fn decoded<'p>(
    mut decoder: Decoder,
    pieces: impl IntoIterator<Item = &'p [u8]>,
    limits: DecodeLimits,
) -> Outcome {
    let mut messages = Vec::new();
    for mut piece in pieces {
        loop {
            match decoder.decode(&mut piece) {
                Ok(Some(message)) => messages.push(encoded(&message, Dialect::Seed)),
                Ok(None) => break,
                Err(fault) => return faulted(&mut decoder, messages, fault),
            }
        }
        assert!(piece.is_empty(), "who asks for more has used up all");
        assert!(
            decoder.buffered_bytes() <= limits.message_bytes + 1,
            "one byte beyond the limit is enough to know"
        );
    }
    let fault = decoder.finish().err();
    Outcome { messages, fault }
}

/// A fault is final. What bytes look like that begin no message is left out: it needs several of
/// them in one piece, while the fault itself comes with the first one.
fn faulted(decoder: &mut Decoder, messages: Vec<Vec<u8>>, fault: Fault) -> Outcome {
    let mut next = &b"{\"reg_object\":\"smuggled\"}"[..];
    match decoder.decode(&mut next) {
        Err(again) => assert_eq!(again, fault, "a fault is final"),
        Ok(message) => panic!("after {fault:?} came {message:?}"),
    }
    assert!(
        decoder.finish().is_err(),
        "a stream with a fault has no good end"
    );
    let fault = Some(match fault {
        Fault::NotAnObject { .. } | Fault::WrongEncoding(_) | Fault::NulByte => {
            Fault::NotAnObject {
                looks_like_http: false,
            }
        }
        fault => fault,
    });
    Outcome { messages, fault }
}

/// The outcome of the whole, after making sure that no cutting of it has another.
fn check_cutting(stream: &[u8], cuts: &[u8], limits: DecodeLimits) -> Outcome {
    let whole = check_pieces(stream, cuts, limits);
    let bytewise = outcome(stream.chunks(1), limits);
    assert_eq!(bytewise, whole, "byte by byte");
    whole
}

/// The same of one cutting.
fn check_pieces(stream: &[u8], cuts: &[u8], limits: DecodeLimits) -> Outcome {
    let whole = outcome([stream], limits);
    let pieces = pieces(stream, cuts);
    let cut = outcome(pieces.iter().copied(), limits);
    assert_eq!(cut, whole, "in pieces of {cuts:?} bytes");
    for pieces in [vec![stream], pieces] {
        let scalar = decoded(Decoder::without_vectors(limits), pieces, limits);
        assert_eq!(scalar, whole, "without vectors");
    }
    whole
}

/// Cuts a stream into pieces of these lengths, over and over; without a length other than 0 it
/// stays whole.
pub(crate) fn pieces<'s>(stream: &'s [u8], cuts: &[u8]) -> Vec<&'s [u8]> {
    let mut pieces = Vec::new();
    let mut rest = stream;
    let has_length = cuts.iter().any(|&len| len != 0);
    for &len in cuts.iter().cycle().take_while(|_| has_length) {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at(rest.len().min(usize::from(len)));
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}

/// Walks the stream with `serde_json` and compares each step with what the decoder did.
fn check_against_oracle(stream: &[u8], found: &Outcome) {
    let mut rest = stream;
    for message in &found.messages {
        rest = trim_start(rest);
        let json = oracle(rest).expect("serde_json takes every message that came out");
        assert!(json.starts_with('{') && depth(json) <= DecodeLimits::DEFAULT_DEPTH);
        check_verbatim(message, json);
        rest = &rest[json.len()..];
    }
    rest = trim_start(rest);
    let expected = oracle(rest);
    match &found.fault {
        None => assert!(rest.is_empty(), "a message was lost"),
        Some(Fault::NotAnObject { .. }) => match rest {
            [b'{', next, ..] => assert_eq!(*next, 0, "UTF-16 or UTF-32"),
            _ => assert!(rest.first().is_some_and(|&byte| byte != b'{')),
        },
        Some(Fault::Syntax { offset, .. }) => {
            assert!(expected.is_err(), "serde_json takes what was refused");
            assert!(*offset < rest.len());
        }
        Some(Fault::Truncated) => {
            assert_eq!(expected, Err(Problem::Truncated), "refused too late");
        }
        Some(Fault::TooDeep { limit }) => {
            assert!(*limit < depth(&String::from_utf8_lossy(rest)));
        }
        // This one is told with the second key, so what follows may be anything.
        Some(Fault::DuplicateKey { .. }) => {}
        Some(fault) => {
            assert_eq!(fault.code(), Code::Malformed);
            assert!(expected.is_ok_and(|json| json.starts_with('{')), "{fault}");
        }
    }
}

/// Every value that came out is, byte for byte, what `serde_json` finds under that key.
fn check_verbatim(message: &[u8], json: &str) {
    // `serde_json` cannot build a key that holds half of a surrogate pair.
    let Ok(sent) = serde_json::from_str::<HashMap<String, &RawValue>>(json) else {
        return;
    };
    let received: HashMap<String, &RawValue> =
        serde_json::from_slice(message).expect("an encoded message is JSON");
    for (key, value) in received {
        let (value, sent) = (value.get(), sent[&key].get());
        match &*key {
            // What is said by `success` is always the same.
            "success" => {}
            // A number is written in one form, whichever it came in.
            "timeout_ms" | "delivered" => {
                let whole = |json: &str| Whole::from_json(json.as_bytes()).expect("it was taken");
                assert_eq!(whole(value), whole(sent), "{key}");
                assert!(value.bytes().all(|byte| byte.is_ascii_digit()), "{key}");
            }
            _ => assert_eq!(value, sent, "{key}"),
        }
    }
}

#[derive(Debug, Eq, PartialEq)]
enum Problem {
    /// It is no JSON, whatever follows.
    Wrong,
    /// It may become JSON, as far as `serde_json` can tell.
    Truncated,
}

/// The first JSON value of the bytes, which begin with it, as `serde_json` sees it.
fn oracle(bytes: &[u8]) -> Result<&str, Problem> {
    let (text, utf8_problem) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = &bytes[..error.valid_up_to()];
            let problem = match error.error_len() {
                Some(_) => Problem::Wrong,
                None => Problem::Truncated,
            };
            let text = std::str::from_utf8(valid).expect("the standard library has said so");
            (text, Some(problem))
        }
    };
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    match values.next() {
        Some(Ok(value)) => Ok(value.get()),
        Some(Err(error)) if error.classify() != Category::Eof && !is_cut_number(text) => {
            Err(Problem::Wrong)
        }
        _ => Err(utf8_problem.unwrap_or(Problem::Truncated)),
    }
}

/// `serde_json` calls a number wrong, not cut, where the text ends before a digit of it.
pub(crate) fn is_cut_number(text: &str) -> bool {
    let longer = format!("{text}0");
    let mut values = serde_json::Deserializer::from_str(&longer).into_iter::<&RawValue>();
    text.ends_with(['-', '+', '.', 'e', 'E'])
        && values
            .next()
            .is_some_and(|value| value.is_err_and(|error| error.is_eof()))
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let n_spaces = bytes.iter().take_while(|byte| is_space(byte)).count();
    &bytes[n_spaces..]
}

/// The deepest nesting of brackets outside strings, in JSON or in a beginning of it.
fn depth(json: &str) -> u32 {
    let (mut now, mut deepest, mut in_text, mut escaped) = (0_u32, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => now += 1,
            b'}' | b']' if !in_text => now = now.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(now);
    }
    deepest
}

/// What came out goes in again, unchanged, in both dialects; in one of them as one line.
fn check_encoding(seed: &[u8]) {
    let mut decoder = Decoder::new(DecodeLimits::default());
    let message = decoder.decode(&mut &seed[..]);
    let message = message
        .expect("what came out goes in again")
        .expect("and is whole");
    assert_eq!(encoded(&message, Dialect::Seed), seed);
    let line = encoded(&message, Dialect::Lines);
    let (end, content) = line.split_last().expect("an object has two bytes at least");
    assert_eq!(*end, b'\n');
    assert!(
        !content.iter().any(|byte| matches!(byte, b'\n' | b'\r')),
        "one line"
    );
    let expected: Vec<u8> = seed
        .iter()
        .map(|&byte| {
            if matches!(byte, b'\n' | b'\r') {
                b' '
            } else {
                byte
            }
        })
        .collect();
    assert_eq!(
        content,
        &expected[..content.len()],
        "verbatim but for the breaks"
    );
}

fn encoded(message: &Message<'_>, dialect: Dialect) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes, dialect);
    bytes
}
