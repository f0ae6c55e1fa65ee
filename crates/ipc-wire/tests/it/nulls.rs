//! What serializers of other languages write: every key of a struct, absent ones as null; whole
//! numbers as fractions or with an exponent; empty arrays for empty objects.

use std::collections::BTreeMap;

use ipc_wire::{Code, Dialect, Fault, Message};
use proptest::prelude::*;
use serde_json::value::RawValue;

use crate::{
    splitting::KINDS,
    support::{cases, fault, with_only},
};

const KEYS: [&str; 24] = [
    "object",
    "method",
    "param",
    "id",
    "response",
    "error",
    "event",
    "result",
    "code",
    "timeout_ms",
    "headers",
    "list",
    "event_name",
    "reg_object",
    "success",
    "mode",
    "interface",
    "match",
    "stream",
    "retain",
    "more",
    "delivered",
    "missing",
    "retained",
];

fn encoded(stream: &str) -> Result<String, Fault> {
    with_only(stream.as_bytes(), |message| {
        let mut bytes = Vec::new();
        message.encode(&mut bytes, Dialect::Seed);
        String::from_utf8(bytes).unwrap()
    })
}

/// The message with every other key as null, before or behind its own.
fn with_nulls(message: &str, is_before: bool, keys: &[&str]) -> String {
    let own = members_of(message);
    let nulls: Vec<_> = keys
        .iter()
        .filter(|key| !own.contains_key(**key))
        .map(|key| format!("\"{key}\":null"))
        .collect();
    let content = &message[1..message.len() - 1];
    let (nulls, content) = (nulls.join(","), content.to_owned());
    let parts = if is_before {
        [nulls, content]
    } else {
        [content, nulls]
    };
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{{{}}}", parts.join(","))
}

#[test]
fn a_struct_that_writes_every_key_it_knows_is_the_message_without_the_nulls() {
    // An absent parameter that is written as null is one: that is a value.
    let options: Vec<_> = KEYS.into_iter().filter(|&key| key != "param").collect();
    for message in KINDS
        .iter()
        .filter(|kind| !matches!(**kind, "{}" | r#"{"id":7}"#))
    {
        for is_before in [true, false] {
            let stream = with_nulls(message, is_before, &options);
            assert_eq!(encoded(&stream).as_deref(), Ok(*message), "{stream}");
        }
    }
    let call = r#"{"object":"a","method":"b","id":1}"#;
    let expected = r#"{"object":"a","method":"b","param":null,"id":1}"#;
    assert_eq!(
        encoded(&with_nulls(call, true, &KEYS)).as_deref(),
        Ok(expected)
    );
}

#[test]
fn a_null_answer_is_an_answer_and_gives_way_to_any_other() {
    for (stream, expected) in [
        (
            r#"{"response":3,"error":null,"id":7}"#,
            r#"{"response":3,"id":7}"#,
        ),
        (r#"{"error":null,"response":3}"#, r#"{"response":3}"#),
        (r#"{"response":null,"error":"x"}"#, r#"{"error":"x"}"#),
        (
            r#"{"error":{},"code":null,"response":null}"#,
            r#"{"error":{}}"#,
        ),
        (r#"{"response":null}"#, r#"{"response":null}"#),
        (r#"{"error":null}"#, r#"{"error":null}"#),
        (r#"{"error":null,"response":null}"#, r#"{"response":null}"#),
        (
            r#"{"event":"e","result":null,"response":null,"error":null}"#,
            r#"{"event":"e","result":null}"#,
        ),
        (
            r#"{"object":"a","method":"b","result":null}"#,
            r#"{"object":"a","method":"b"}"#,
        ),
    ] {
        assert_eq!(encoded(stream).as_deref(), Ok(expected), "{stream}");
    }
    // With every key null, what is left is an answer of null.
    assert_eq!(
        encoded(&with_nulls("{}", true, &KEYS)).as_deref(),
        Ok(r#"{"response":null}"#)
    );
    for stream in [
        r#"{"response":3,"error":false}"#,
        r#"{"response":3,"event":"e","result":null}"#,
        r#"{"object":"a","method":"b","error":0}"#,
    ] {
        assert!(
            matches!(fault(stream.as_bytes()), Fault::TwoKinds { .. }),
            "{stream}"
        );
    }
}

#[test]
fn a_message_whose_keys_of_a_kind_are_all_null_is_of_no_kind() {
    for stream in [
        r#"{"object":null,"method":null,"id":1}"#,
        r#"{"object":null,"method":null,"list":null,"id":1}"#,
        r#"{"event":null,"result":null,"id":1}"#,
        r#"{"result":null,"id":1}"#,
        r#"{"reg_object":null,"mode":"queue","id":1}"#,
        r#"{"list":null,"timeout_ms":5,"id":1}"#,
        r#"{"event_name":null,"id":1}"#,
        r#"{"success":null,"id":1}"#,
    ] {
        let is_unknown = with_only(stream.as_bytes(), |message| {
            matches!(message, Message::Unknown { id: Some(_) })
        });
        assert_eq!(is_unknown, Ok(true), "{stream}");
    }
}

#[test]
fn a_kind_whose_partner_is_null_is_malformed_and_told_which_is_missing() {
    for (stream, present, absent) in [
        (r#"{"object":null,"method":"m"}"#, "method", "object"),
        (r#"{"object":"a","method":null}"#, "object", "method"),
        (
            r#"{"object":"a","method":null,"list":null}"#,
            "object",
            "method",
        ),
        (r#"{"event":null,"result":5}"#, "result", "event"),
        (
            r#"{"event":null,"result":5,"error":null}"#,
            "result",
            "event",
        ),
    ] {
        assert_eq!(
            fault(stream.as_bytes()),
            Fault::MissingKey { present, absent },
            "{stream}"
        );
    }
}

#[test]
fn an_option_is_a_whole_number_however_it_is_written() {
    for number in ["1000", "1000.0", "1e3", "1.0E+3", "1000000e-3"] {
        let stream = format!(r#"{{"object":"a","method":"b","timeout_ms":{number}}}"#);
        let expected = r#"{"object":"a","method":"b","timeout_ms":1000}"#;
        assert_eq!(encoded(&stream).as_deref(), Ok(expected), "{number}");
        let stream = format!(r#"{{"success":"OK","delivered":{number}}}"#);
        let expected = r#"{"success":"OK","delivered":1000}"#;
        assert_eq!(encoded(&stream).as_deref(), Ok(expected), "{number}");
    }
    for number in [
        "0.5",
        "-1",
        "-1.0",
        "1e-1",
        "1e20",
        "1e999999999999999999999",
        "1e400",
    ] {
        let stream = format!(r#"{{"list":["a"],"timeout_ms":{number},"id":1}}"#);
        let found = refusal(&stream);
        let expected = format!(
            "\"timeout_ms\" is {number}; it must be a whole number from 0 to 18446744073709551615"
        );
        assert_eq!(found, (Code::InvalidOption, expected, true));
    }
}

/// The code and text by which a message is declined, and whether its id was found.
fn refusal(stream: &str) -> (Code, String, bool) {
    let found = with_only(stream.as_bytes(), |message| match message {
        Message::Invalid(invalid) => (
            invalid.code(),
            invalid.value.to_string(),
            invalid.id.is_some(),
        ),
        other => panic!("{stream} became {other:?}"),
    });
    found.unwrap()
}

#[test]
fn a_refusal_names_the_key_what_it_is_and_what_it_must_be() {
    let long = "x".repeat(100);
    for (stream, code, text, has_id) in [
        (
            r#"{"object":"a","method":"b","timeout_ms":"soon","id":1}"#.to_owned(),
            Code::InvalidOption,
            "\"timeout_ms\" is \"soon\"; it must be a whole number from 0 to 18446744073709551615",
            true,
        ),
        (
            r#"{"object":"a","method":"b","headers":[ ],"id":1}"#.to_owned(),
            Code::InvalidOption,
            "\"headers\" is an empty array; it must be an object, which may be left out",
            true,
        ),
        (
            r#"{"reg_object":"a","interface":[1]}"#.to_owned(),
            Code::InvalidOption,
            "\"interface\" is an array; it must be an object, which may be left out",
            false,
        ),
        (
            r#"{"reg_object":"a","mode":7,"id":1}"#.to_owned(),
            Code::InvalidOption,
            "\"mode\" is 7; it must be a string",
            true,
        ),
        (
            r#"{"event":"e","result":1,"retain":{"a":1},"id":1}"#.to_owned(),
            Code::InvalidOption,
            "\"retain\" is an object; it must be true or false",
            true,
        ),
        (
            format!(r#"{{"event_name":"e","id":"{long}"}}"#),
            Code::InvalidOption,
            "\"id\" is a string of 102 bytes; it must be a string or a number of at most 64 bytes",
            false,
        ),
        (
            r#"{"object":5,"method":"b","id":1}"#.to_owned(),
            Code::InvalidName,
            "\"object\" is 5; it must be a string",
            true,
        ),
        (
            r#"{"list":"calc","id":1}"#.to_owned(),
            Code::InvalidName,
            "\"list\" is \"calc\"; it must be an array of names of objects",
            true,
        ),
    ] {
        assert_eq!(
            refusal(&stream),
            (code, text.to_owned(), has_id),
            "{stream}"
        );
    }
}

#[test]
fn what_stands_beside_an_answer_does_not_stop_it() {
    for beside in [
        r#""code":404"#,
        r#""code":[]"#,
        r#""more":"no""#,
        r#""more":0"#,
        r#""more":{}"#,
    ] {
        let stream = format!(r#"{{"error":"x",{beside},"id":3}}"#);
        assert_eq!(
            encoded(&stream).as_deref(),
            Ok(r#"{"error":"x","id":3}"#),
            "{stream}"
        );
    }
    let other_options = r#"{"response":1,"timeout_ms":"soon","headers":7,"mode":[],"id":3}"#;
    assert_eq!(
        encoded(other_options).as_deref(),
        Ok(r#"{"response":1,"id":3}"#)
    );
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn nulls_in_any_places_change_no_message(
        kind in 0..KINDS.len() - 2,
        picked in prop::collection::vec(any::<bool>(), KEYS.len()),
        seed: u64,
        cuts in any::<[u8; 3]>(),
    ) {
        let message = KINDS[kind];
        let own = members_of(message);
        let raw: Vec<_> = members(message);
        let nulls = KEYS.iter().zip(picked).filter(|(key, is_picked)| {
            *is_picked && **key != "param" && !own.contains_key(**key)
        });
        let mut all: Vec<_> = nulls.map(|(key, _)| format!("\"{key}\":null")).chain(raw).collect();
        // Any order, from one number.
        all.sort_by_key(|member| member.bytes().fold(seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23)
        }));
        let stream = format!("{{{}}}", all.join(","));
        let found = encoded(&stream);
        prop_assert_eq!(found.as_deref(), Ok(message), "{}", stream);
        crate::harness::check_stream(stream.as_bytes(), &cuts);
    }

    #[test]
    fn options_of_any_type_keep_all_rules(
        kind in 0..KINDS.len(),
        keys in prop::sample::subsequence(KEYS.to_vec(), 0..5),
        values in prop::collection::vec(prop::sample::select(vec![
            "null", "true", "\"a\"", "7.0", "1e3", "-0", "0.5", "-1", "1e99", "[]", "{}", "[null]",
        ]), 5),
        cuts in any::<[u8; 3]>(),
    ) {
        let own = members_of(KINDS[kind]);
        let others = keys.iter().zip(values).filter(|(key, _)| !own.contains_key(**key));
        let others = others.map(|(key, value)| format!("\"{key}\":{value}"));
        let all: Vec<_> = members(KINDS[kind]).into_iter().chain(others).collect();
        let stream = format!("{{{}}}{{\"id\":1}}", all.join(","));
        crate::harness::check_stream(stream.as_bytes(), &cuts);
    }
}

/// The members of an object, by key.
fn members_of(object: &str) -> BTreeMap<String, &RawValue> {
    serde_json::from_str(object).unwrap()
}

/// The members of an object, each as it is written.
fn members(object: &str) -> Vec<String> {
    let members = members_of(object).into_iter();
    members
        .map(|(key, value)| format!("\"{key}\":{}", value.get()))
        .collect()
}
