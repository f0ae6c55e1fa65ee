//! The decoder and `serde_json` agree: on arbitrary values, on damaged ones, and on noise.

use ipc_wire::{DecodeLimits, Dialect, Message, Outcome, Payload, Reply};
use proptest::prelude::*;
use serde_json::{Map, Number, Value, value::RawValue};

use crate::{
    harness::{self, outcome, pieces},
    support::{cases, response, with_only},
};

/// Any JSON value, with texts that need every kind of escape.
fn any_value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        prop::num::f64::NORMAL.prop_map(|real| Number::from_f64(real).expect("it is finite")),
    ];
    let text = prop_oneof![
        prop::collection::vec(any::<char>(), 0..20).prop_map(String::from_iter),
        "[ -~]{0,40}",
        "[\\x00-\\x20\"\\\\]{0,10}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(Value::Number),
        text.clone().prop_map(Value::String),
    ];
    leaf.prop_recursive(8, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::vec((text.clone(), inner), 0..8)
                .prop_map(|pairs| Value::Object(Map::from_iter(pairs))),
        ]
    })
}

#[derive(Clone, Debug)]
enum Damage {
    Flip { at: usize, bit: u8 },
    Put { at: usize, byte: u8 },
    Insert { at: usize, byte: u8 },
    Delete { at: usize },
    Repeat { at: usize, len: usize },
    Truncate { at: usize },
}

/// Damage that often hits something: JSON's own bytes are likelier than others.
fn any_damage() -> impl Strategy<Value = Damage> {
    let at = any::<u16>().prop_map(usize::from);
    let byte = prop_oneof![
        prop::sample::select(b"{}[]:,\"\\u0123456789aef.+-tfn \n\r\t\x00\x1f\xc3\xed\xf4".to_vec()),
        any::<u8>(),
    ];
    prop_oneof![
        (at.clone(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip { at, bit }),
        (at.clone(), byte.clone()).prop_map(|(at, byte)| Damage::Put { at, byte }),
        (at.clone(), byte).prop_map(|(at, byte)| Damage::Insert { at, byte }),
        at.clone().prop_map(|at| Damage::Delete { at }),
        (at.clone(), 1..10_usize).prop_map(|(at, len)| Damage::Repeat { at, len }),
        at.prop_map(|at| Damage::Truncate { at }),
    ]
}

fn damage(bytes: &mut Vec<u8>, damage: &Damage) {
    if bytes.is_empty() {
        return;
    }
    let n = bytes.len();
    match *damage {
        Damage::Flip { at, bit } => bytes[at % n] ^= 1 << bit,
        Damage::Put { at, byte } => bytes[at % n] = byte,
        Damage::Insert { at, byte } => bytes.insert(at % (n + 1), byte),
        Damage::Delete { at } => drop(bytes.remove(at % n)),
        Damage::Truncate { at } => bytes.truncate(at % n),
        Damage::Repeat { at, len } => {
            let start = at % n;
            let piece = bytes[start..n.min(start + len)].to_vec();
            bytes.splice(start..start, piece);
        }
    }
}

/// A message without keys of the envelope, so that grammar alone decides: one object, or not.
fn is_one_object(bytes: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(bytes).is_ok_and(|raw| raw.get().starts_with('{'))
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn any_value_comes_out_verbatim(value in any_value(), cuts in any::<[u8; 4]>()) {
        let compact = serde_json::to_string(&value).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        for json in [&compact, &pretty] {
            let reply = Message::Reply(Reply {
                outcome: Outcome::Response(Payload::from_pretty_json(json.as_bytes())),
                more: false,
                id: None,
            });
            let mut seed = Vec::new();
            reply.encode(&mut seed, Dialect::Seed);
            let found = with_only(&seed, |message| response(&message).to_vec());
            prop_assert_eq!(found.as_deref(), Ok(json.as_bytes()));

            let mut line = Vec::new();
            reply.encode(&mut line, Dialect::Lines);
            prop_assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
            let found = with_only(&line, |message| response(&message).to_vec());
            prop_assert_eq!(found, Ok(json.replace('\n', " ").into_bytes()));

            let cut = outcome(pieces(&seed, &cuts), DecodeLimits::default());
            prop_assert_eq!(cut, outcome([&*seed], DecodeLimits::default()));
        }
    }
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn a_damaged_message_is_accepted_where_serde_json_accepts_it_and_only_there(
        value in any_value(),
        is_pretty in any::<bool>(),
        damages in prop::collection::vec(any_damage(), 1..4),
        cuts in any::<[u8; 3]>(),
    ) {
        // A key that no damage turns into one of the envelope.
        let wrapped = serde_json::json!({ "a payload of any kind": value });
        let mut bytes = match is_pretty {
            false => serde_json::to_vec(&wrapped).unwrap(),
            true => serde_json::to_vec_pretty(&wrapped).unwrap(),
        };
        prop_assert!(is_one_object(&bytes));
        for step in &damages {
            damage(&mut bytes, step);
        }
        let found = outcome([&*bytes], DecodeLimits::default());
        let is_accepted = found.messages.len() == 1 && found.fault.is_none();
        prop_assert_eq!(is_accepted, is_one_object(&bytes), "{:?}", found);
        harness::check_stream(&bytes, &cuts);
    }

    #[test]
    fn a_damaged_payload_keeps_all_rules_wherever_it_stands(
        value in any_value(),
        is_pretty in any::<bool>(),
        damages in prop::collection::vec(any_damage(), 0..3),
        offset in any::<u8>(),
    ) {
        let mut bytes = match is_pretty {
            false => serde_json::to_vec(&value).unwrap(),
            true => serde_json::to_vec_pretty(&value).unwrap(),
        };
        for step in &damages {
            damage(&mut bytes, step);
        }
        bytes.insert(0, offset);
        harness::check_payload(&bytes);
    }

    #[test]
    fn damaged_messages_of_every_kind_keep_all_rules(
        chosen in prop::collection::vec(0..crate::splitting::KINDS.len(), 1..4),
        damages in prop::collection::vec(any_damage(), 0..4),
        cuts in any::<[u8; 3]>(),
    ) {
        let kinds = chosen.iter().map(|&n| crate::splitting::KINDS[n].as_bytes());
        let mut bytes = kinds.collect::<Vec<_>>().concat();
        for step in &damages {
            damage(&mut bytes, step);
        }
        harness::check_stream(&bytes, &cuts);
    }

    #[test]
    fn noise_keeps_all_rules(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        cuts in any::<[u8; 3]>(),
    ) {
        harness::check_stream(&bytes, &cuts);
        harness::check_stream(&[b"{\"response\":", &*bytes].concat(), &cuts);
        harness::check_stream(&[b"{\"response\":\"", &*bytes, b"\"}"].concat(), &cuts);
    }

    #[test]
    fn noise_of_tokens_keeps_all_rules(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", " ", "\n", "\"id\"", "\"response\"", "\"x\"", "\"\\u0069d\"",
            "\"list\"", "\"error\"", "1", "-0", "1.5e3", "01", "-", "true", "null", "tru", "\"\\ud800\"",
            "\"\"", "\"", "\\", "{}", "[]", "{\"response\":", "{\"list\":[",
        ]), 0..30),
        cuts in any::<[u8; 3]>(),
    ) {
        harness::check_stream(tokens.concat().as_bytes(), &cuts);
        harness::check_stream(format!("{{\"response\":{}", tokens.concat()).as_bytes(), &cuts);
    }
}
