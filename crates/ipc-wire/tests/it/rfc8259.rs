//! Every rule of RFC 8259, from the data files, whatever the cuts.

use ipc_wire::{DecodeLimits, Fault};
use serde_json::{Value, value::RawValue};

use crate::{
    corpus::{self, Case},
    harness::{self, Outcome, outcome},
    support,
};

#[test]
fn a_value_is_accepted_or_refused_as_its_line_says() {
    for case in corpus::values() {
        let stream = [b"{\"response\":", &*case.bytes, b"}"].concat();
        let found = support::with_only(&stream, |message| support::response(&message).to_vec());
        match case.words[0] {
            "accept" => assert_eq!(
                found.as_deref(),
                Ok(case.bytes.trim_ascii()),
                "line {}: the payload is the sender's bytes",
                case.line
            ),
            "refuse" => assert!(found.is_err(), "line {}", case.line),
            word => panic!("line {}: {word}", case.line),
        }
    }
}

#[test]
fn an_object_is_accepted_or_refused_alike_where_it_is_the_message() {
    let mut n_objects = 0;
    for case in corpus::values() {
        if case.bytes.trim_ascii_start().first() != Some(&b'{') {
            continue;
        }
        let whole = outcome([&*case.bytes], DecodeLimits::default());
        let is_one = whole.messages.len() == 1 && whole.fault.is_none();
        // As the message itself, an object may be followed by another.
        if case.bytes != b"{\"a\":1}{}" {
            assert_eq!(is_one, case.words[0] == "accept", "line {}", case.line);
        }
        check_every_cut(&case.bytes, &whole);
        n_objects += 1;
    }
    assert!(30 <= n_objects);
}

#[test]
fn no_cut_changes_what_becomes_of_a_value() {
    for case in corpus::values() {
        let stream = [b"{\"response\":", &*case.bytes, b"}"].concat();
        check_every_cut(&stream, &outcome([&*stream], DecodeLimits::default()));
        harness::check_stream(&stream, &[3, 1, 2]);
    }
}

#[test]
fn a_stream_becomes_what_its_line_says_however_it_is_cut() {
    for case in corpus::streams() {
        let whole = outcome([&*case.bytes], DecodeLimits::default());
        let end = match &whole.fault {
            None => "end",
            Some(Fault::Truncated) => "cut",
            Some(fault) => fault.code().as_str(),
        };
        let found = format!("{}:{end}", whole.messages.len());
        assert_eq!(found, case.words[0], "line {}", case.line);
        if case.bytes.len() < 1000 {
            check_every_cut(&case.bytes, &whole);
            harness::check_stream(&case.bytes, &[1, 0, 7]);
        }
    }
}

#[test]
fn serde_json_agrees_but_for_the_named_reasons() {
    for Case { line, words, bytes } in corpus::values() {
        let accepted = words[0] == "accept";
        let raw = serde_json::from_slice::<&RawValue>(&bytes).is_ok();
        let value = serde_json::from_slice::<Value>(&bytes).is_ok();
        // RawValue knows no limit of depth.
        assert_eq!(raw, accepted || words[1] == "depth", "line {line}");
        match words[1] {
            "same" | "depth" => assert_eq!(value, accepted, "line {line}"),
            "surrogate" | "range" => assert_ne!(value, accepted, "line {line}"),
            reason => panic!("line {line}: {reason} is no reason"),
        }
    }
}

#[test]
fn a_refused_text_is_refused_with_its_offending_byte_or_before_serde_json_sees_it() {
    // Who waits for more must be waiting for something that can still become a message.
    for case in corpus::values() {
        let stream = [b"{\"response\":", &*case.bytes].concat();
        for len in 1..=stream.len() {
            let found = outcome([&stream[..len]], DecodeLimits::default());
            if found.fault != Some(Fault::Truncated) {
                break;
            }
            let error = serde_json::from_slice::<&RawValue>(&stream[..len]).unwrap_err();
            let is_open = match std::str::from_utf8(&stream[..len]) {
                Ok(text) => error.is_eof() || harness::is_cut_number(text),
                Err(error) => error.error_len().is_none(),
            };
            assert!(is_open, "line {} at {len}: {error}", case.line);
        }
    }
}

/// Two pieces at every byte, and all bytes one by one.
fn check_every_cut(stream: &[u8], whole: &Outcome) {
    let limits = DecodeLimits::default();
    for at in 0..=stream.len() {
        let (head, tail) = stream.split_at(at);
        assert_eq!(
            &outcome([head, tail], limits),
            whole,
            "cut at {at}: {head:?}"
        );
    }
    assert_eq!(&outcome(stream.chunks(1), limits), whole, "byte by byte");
}
