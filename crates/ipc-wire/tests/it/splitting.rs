//! Where the stream is cut never matters: the same messages, in the same order, none lost and
//! none made of two.

use ipc_wire::DecodeLimits;
use proptest::prelude::*;

use crate::{
    harness::{Outcome, outcome, pieces},
    support::cases,
};

/// Every kind of message, with few keys and with all of them, as it is encoded.
pub(crate) const KINDS: [&str; 21] = [
    r#"{"reg_object":"calc"}"#,
    r#"{"reg_object":"calc","mode":"queue","interface":{"methods":{"add":{}}},"id":"a"}"#,
    r#"{"list":["calc","log"]}"#,
    r#"{"list":[],"missing":["log"],"timeout_ms":250,"id":3}"#,
    r#"{"object":"calc","method":"add"}"#,
    r#"{"object":"calc","method":"add","param":{"a":1}}"#,
    r#"{"object":"c","method":"m","param":[],"timeout_ms":1,"headers":{},"stream":true,"id":-1}"#,
    r#"{"event_name":"temp"}"#,
    r#"{"event_name":"temp.*","match":"pattern","id":18446744073709551615}"#,
    r#"{"event":"temp","result":21.5}"#,
    r#"{"event":"temp","result":{"c":[21.50,1e-400]},"retain":true,"id":"5"}"#,
    r#"{"response":3}"#,
    r#"{"response":"\u00e9\ud83c {}[]\\\" größe 檸檬","more":true,"id":0}"#,
    r#"{"response":[[[[null,true,false]]]],"id":""}"#,
    r#"{"error":"Object not found"}"#,
    r#"{"error":{"why":-0},"id":9}"#,
    r#"{"error":"no","code":"busy","more":true,"id":9}"#,
    r#"{"success":"OK"}"#,
    r#"{"success":"OK","delivered":3,"id":5}"#,
    r#"{"id":7}"#,
    r#"{}"#,
];

const SPACES: [&str; 8] = ["", "\n", " ", "\r\n", "\t", " \t\r\n", "\n\n", "          "];

fn clean(messages: &[&str]) -> Outcome {
    Outcome {
        messages: messages
            .iter()
            .map(|text| text.as_bytes().to_vec())
            .collect(),
        fault: None,
    }
}

/// All kinds, with another space after each.
fn stream_of_all() -> Vec<u8> {
    let spaces = SPACES.iter().cycle();
    let parts = KINDS
        .iter()
        .zip(spaces)
        .map(|(kind, space)| format!("{kind}{space}"));
    parts.collect::<String>().into_bytes()
}

#[test]
fn every_kind_survives_every_cut_in_two() {
    for kind in KINDS {
        for at in 0..=kind.len() {
            let (head, tail) = kind.as_bytes().split_at(at);
            let found = outcome([head, tail], DecodeLimits::default());
            assert_eq!(found, clean(&[kind]), "{kind} cut at {at}");
        }
    }
}

#[test]
fn every_kind_survives_every_cut_in_three() {
    for kind in KINDS {
        let bytes = kind.as_bytes();
        for first in 0..bytes.len() {
            for second in first..bytes.len() {
                let parts = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                let found = outcome(parts, DecodeLimits::default());
                assert_eq!(
                    found.messages,
                    [bytes],
                    "{kind} cut at {first} and {second}"
                );
            }
        }
    }
}

#[test]
fn a_stream_of_every_kind_survives_every_cut_and_every_size_of_piece() {
    let stream = stream_of_all();
    let expected = clean(&KINDS);
    for at in 0..=stream.len() {
        let (head, tail) = stream.split_at(at);
        assert_eq!(
            outcome([head, tail], DecodeLimits::default()),
            expected,
            "cut at {at}"
        );
    }
    for size in 1..=stream.len() {
        let found = outcome(stream.chunks(size), DecodeLimits::default());
        assert_eq!(found, expected, "in pieces of {size}");
    }
}

#[test]
fn every_pair_of_kinds_stands_side_by_side_with_any_space_between() {
    for one in KINDS {
        for other in KINDS {
            for space in SPACES {
                let stream = format!("{one}{space}{other}");
                for size in [1, one.len(), one.len() + 1, stream.len()] {
                    let found = outcome(stream.as_bytes().chunks(size), DecodeLimits::default());
                    assert_eq!(found, clean(&[one, other]), "{stream:?} by {size}");
                }
            }
        }
    }
}

#[test]
fn a_message_that_ends_in_the_middle_of_what_was_appended_leaves_the_rest() {
    // The buffer of an unfinished message grows by 1 KiB or by its own length: messages around
    // that end at every offset of what was appended.
    for len in (1000..1100).chain(2040..2060) {
        let long = format!("{{\"response\":\"{}\"}}", "x".repeat(len));
        let stream = format!("{long}{}{long}{}", KINDS[5], KINDS[9]);
        for first in [1, 20, 1000] {
            let (head, tail) = stream.as_bytes().split_at(first);
            let found = outcome([head, tail], DecodeLimits::default());
            assert_eq!(
                found,
                clean(&[&long, KINDS[5], &long, KINDS[9]]),
                "{len} {first}"
            );
        }
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_messages_in_any_order_survive_any_cuts(
        chosen in prop::collection::vec((0..KINDS.len(), 0..SPACES.len()), 0..40),
        cuts in prop::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 1..20),
    ) {
        let messages: Vec<&str> = chosen.iter().map(|&(kind, _)| KINDS[kind]).collect();
        let stream: String = chosen
            .iter()
            .flat_map(|&(kind, space)| [KINDS[kind], SPACES[space]])
            .collect();
        let found = outcome(pieces(stream.as_bytes(), &cuts), DecodeLimits::default());
        prop_assert_eq!(found, clean(&messages));
    }
}
