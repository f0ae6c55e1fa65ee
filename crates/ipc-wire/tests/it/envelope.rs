//! The keys of a message: what they make of it, and what is wrong with them.

use ipc_wire::{Code, DecodeLimits, Decoder, Fault, Message, WrongValue};

use crate::{
    splitting::KINDS,
    support::{fault, with_only},
};

/// Every key that means something at the top level, with a value of its type.
const KEYS: [(&str, &str); 24] = [
    ("object", "\"o\""),
    ("method", "\"m\""),
    ("param", "1"),
    ("id", "1"),
    ("response", "1"),
    ("error", "1"),
    ("event", "\"e\""),
    ("result", "1"),
    ("code", "\"busy\""),
    ("timeout_ms", "1"),
    ("headers", "{}"),
    ("list", "[]"),
    ("event_name", "\"e\""),
    ("reg_object", "\"o\""),
    ("success", "\"OK\""),
    ("mode", "\"queue\""),
    ("interface", "{}"),
    ("match", "\"pattern\""),
    ("stream", "true"),
    ("retain", "true"),
    ("more", "true"),
    ("delivered", "1"),
    ("missing", "[]"),
    ("retained", "true"),
];

/// The kinds, each as the keys that make it.
const KIND_KEYS: [&[&str]; 8] = [
    &["object", "method"],
    &["event", "result"],
    &["reg_object"],
    &["list"],
    &["event_name"],
    &["response"],
    &["error"],
    &["success"],
];

fn value_of(key: &str) -> &'static str {
    KEYS.iter().find(|(known, _)| *known == key).unwrap().1
}

fn object_of(keys: &[&str]) -> Vec<u8> {
    let pairs: Vec<_> = keys
        .iter()
        .map(|key| format!("\"{key}\":{}", value_of(key)))
        .collect();
    format!("{{{}}}", pairs.join(",")).into_bytes()
}

fn kind(stream: &[u8]) -> &'static str {
    let kind = with_only(stream, |message| match message {
        Message::Register(_) => "register",
        Message::Wait(_) => "wait",
        Message::Call(_) => "call",
        Message::Listen(_) => "listen",
        Message::Event(_) => "event",
        Message::Reply(_) => "reply",
        Message::Success(_) => "success",
        Message::Invalid(_) => "invalid",
        Message::Unknown { .. } => "unknown",
        _ => "a kind that this test does not know",
    });
    kind.unwrap()
}

#[test]
fn the_keys_tell_the_kind_in_any_order() {
    let kinds = [
        "call", "event", "register", "wait", "listen", "reply", "reply", "success",
    ];
    for (keys, expected) in KIND_KEYS.iter().zip(kinds) {
        let mut keys = keys.to_vec();
        assert_eq!(kind(&object_of(&keys)), expected);
        keys.reverse();
        assert_eq!(kind(&object_of(&keys)), expected);
        keys.insert(0, "id");
        assert_eq!(kind(&object_of(&keys)), expected);
    }
}

#[test]
fn keys_that_make_no_kind_make_no_message_of_a_known_kind() {
    let making: Vec<_> = KIND_KEYS.concat();
    for (key, _) in KEYS {
        if !making.contains(&key) {
            assert_eq!(kind(&object_of(&[key])), "unknown", "{key}");
        }
    }
    assert_eq!(kind(b"{}"), "unknown");
    assert_eq!(kind(b"{\"Response\":1}"), "unknown", "case counts");
    assert_eq!(kind(b"{\"response \":1}"), "unknown", "spaces count");
    assert_eq!(kind(b"{\"respons\":1,\"responsee\":2,\"\":3}"), "unknown");
}

#[test]
fn two_kinds_at_once_are_malformed_in_either_order() {
    for (n, one) in KIND_KEYS.iter().enumerate() {
        for other in &KIND_KEYS[n + 1..] {
            // Each key of a kind alone is enough to clash, also without its partner.
            for one_key in *one {
                for other_key in *other {
                    for keys in [[*one_key, *other_key], [*other_key, *one_key]] {
                        let fault = fault(&object_of(&keys));
                        assert_eq!(fault.code(), Code::Malformed);
                        let Fault::TwoKinds { one, other } = fault else {
                            panic!("{keys:?}: {fault}");
                        };
                        assert!(keys.contains(&one) && keys.contains(&other) && one != other);
                    }
                }
            }
        }
    }
}

#[test]
fn a_key_of_the_envelope_twice_is_malformed() {
    for (key, value) in KEYS {
        for (first, second) in [(value, value), (value, "null"), ("[]", "{}")] {
            let stream = format!("{{\"{key}\":{first},\"x\":0,\"{key}\":{second}}}");
            assert_eq!(fault(stream.as_bytes()), Fault::DuplicateKey { key });
        }
    }
}

#[test]
fn a_key_of_the_envelope_twice_is_malformed_also_where_escapes_hide_one() {
    for (key, value) in KEYS {
        let escaped_one = format!("\\u{:04x}{}", key.as_bytes()[0], &key[1..]);
        let escaped_all: String = key.bytes().map(|byte| format!("\\u{byte:04X}")).collect();
        for hidden in [&escaped_one, &escaped_all] {
            for (one, other) in [(key, &**hidden), (hidden, key), (hidden, hidden)] {
                let stream = format!("{{\"{one}\":{value},\"{other}\":{value}}}");
                let mut decoder = Decoder::new(DecodeLimits::default());
                let bytewise = stream.as_bytes().chunks(1).find_map(|mut piece| {
                    decoder
                        .decode(&mut piece)
                        .map(|message| assert!(message.is_none()))
                        .err()
                });
                assert_eq!(bytewise, Some(Fault::DuplicateKey { key }), "{stream}");
                assert_eq!(
                    fault(stream.as_bytes()),
                    Fault::DuplicateKey { key },
                    "{stream}"
                );
            }
        }
    }
}

#[test]
fn an_escaped_key_is_the_key_that_it_says() {
    for keys in KIND_KEYS {
        let plain = object_of(keys);
        let escape = |byte: u8| format!("\\u{byte:04x}");
        let pairs: Vec<_> = keys
            .iter()
            .map(|key| {
                let hidden: String = key.bytes().map(escape).collect();
                format!("\"{hidden}\":{}", value_of(key))
            })
            .collect();
        let hidden = format!("{{{}}}", pairs.join(","));
        assert_eq!(kind(hidden.as_bytes()), kind(&plain), "{hidden}");
    }
    assert_eq!(kind(b"{\"\\ud800response\":1}"), "unknown");
    assert_eq!(
        kind(b"{\"\\\\u0072esponse\":1}"),
        "unknown",
        "an escaped backslash"
    );
}

#[test]
fn a_duplicate_is_told_before_the_message_ends() {
    let mut decoder = Decoder::new(DecodeLimits::default());
    let fault = decoder.decode(&mut &b"{\"id\":1,\"id\""[..]).unwrap_err();
    assert_eq!(fault, Fault::DuplicateKey { key: "id" });
}

#[test]
fn unknown_keys_are_ignored_also_twice_and_whatever_they_hold() {
    for base in KINDS {
        let open = &base[..base.len() - 1];
        let comma = if open == "{" { "" } else { "," };
        for unknown in [
            r#""x":1"#,
            r#""x":1,"x":2"#,
            r#""x":{"id":1,"id":2,"response":3,"error":4}"#,
            r#""x":[{"reg_object":"a"}]"#,
            r#""":null"#,
            r#""\ud800":1,"\ud800":2"#,
            r#""idd":1,"i":2,"ID":3,"id\u0000":4"#,
        ] {
            let stream = format!("{open}{comma}{unknown}}}");
            let mut encoded = Vec::new();
            let dialect = ipc_wire::Dialect::Seed;
            with_only(stream.as_bytes(), |message| {
                message.encode(&mut encoded, dialect)
            })
            .unwrap();
            assert_eq!(encoded, base.as_bytes(), "{stream}");
        }
    }
}

#[test]
fn a_kind_that_lacks_its_partner_is_malformed() {
    for (present, absent) in [
        ("object", "method"),
        ("method", "object"),
        ("event", "result"),
        ("result", "event"),
    ] {
        let expected = Fault::MissingKey { present, absent };
        assert_eq!(fault(&object_of(&[present])), expected);
        assert_eq!(fault(&object_of(&[present, "id", "param"])), expected);
    }
}

#[test]
fn a_typed_key_takes_its_type_only() {
    const ALL: [&str; 10] = [
        "null",
        "true",
        "\"a\"",
        "1",
        "-1",
        "1.5",
        "1e2",
        "[]",
        "{}",
        "18446744073709551616",
    ];
    // Every typed key, beside what makes it meaningful, and the values of `ALL` that fit.
    let typed: [(&str, &[&str], &[&str]); 17] = [
        ("object", &["method"], &["\"a\""]),
        ("method", &["object"], &["\"a\""]),
        ("timeout_ms", &["object", "method"], &["1", "1e2"]),
        ("timeout_ms", &["list"], &["1", "1e2"]),
        ("headers", &["object", "method"], &["{}"]),
        ("stream", &["object", "method"], &["true"]),
        ("event", &["result"], &["\"a\""]),
        ("retain", &["event", "result"], &["true"]),
        ("reg_object", &[], &["\"a\""]),
        ("mode", &["reg_object"], &["\"a\""]),
        ("interface", &["reg_object"], &["{}"]),
        ("list", &[], &["[]"]),
        ("event_name", &[], &["\"a\""]),
        ("match", &["event_name"], &["\"a\""]),
        ("more", &["response"], &["true"]),
        ("code", &["error"], &["\"a\""]),
        ("delivered", &["success"], &["1", "1e2"]),
    ];
    for (key, beside, fitting) in typed {
        for value in ALL {
            let partner = String::from_utf8(object_of(beside)).unwrap();
            let comma = if beside.is_empty() { "" } else { "," };
            let stream = format!("{{\"{key}\":{value}{comma}{}", &partner[1..]);
            let found = with_only(stream.as_bytes(), |message| match message {
                Message::Invalid(invalid) => {
                    let WrongValue {
                        key: wrong, json, ..
                    } = invalid.value;
                    assert_eq!((wrong, json), (key, value.as_bytes()));
                    Some(invalid.code())
                }
                _ => None,
            });
            // A null counts as absent, and what stands beside an answer does not stop it.
            let is_fitting = value == "null" || fitting.contains(&value);
            let expected = match (key, value) {
                ("object" | "method" | "event", "null") => Err(Code::Malformed),
                ("reg_object" | "list" | "event_name", "null") => Ok(None),
                ("more" | "code", _) => Ok(None),
                _ if is_fitting => Ok(None),
                ("object" | "method" | "event" | "reg_object" | "list" | "event_name", _) => {
                    Ok(Some(Code::InvalidName))
                }
                _ => Ok(Some(Code::InvalidOption)),
            };
            let found = found.map_err(|fault| fault.code());
            assert_eq!(found, expected, "{stream}");
        }
    }
}

#[test]
fn an_id_is_a_string_or_a_number_in_every_kind_of_message() {
    for base in KINDS.iter().filter(|base| !base.contains("\"id\"")) {
        let open = &base[..base.len() - 1];
        let comma = if open == "{" { "" } else { "," };
        for id in [
            "0",
            "-0",
            "-1",
            "1.0",
            "1E+2",
            "-1.5",
            "18446744073709551616",
            "\"\"",
            "\"a\"",
            "\"\\u0000\"",
        ] {
            let stream = format!("{open}{comma}\"id\":{id}}}");
            assert_eq!(id_of(&stream), Ok(Some(id.to_owned())), "{stream}");
        }
        let null = format!("{open}{comma}\"id\":null}}");
        assert_eq!(id_of(&null), Ok(None), "{null}");
        for id in ["true", "[]", "{}", "[1]"] {
            let stream = format!("{open}{comma}\"id\":{id}}}");
            let is_reply = base.starts_with("{\"response\"") || base.starts_with("{\"error\"");
            if is_reply {
                // Nobody can tell which call it answers.
                let fault = fault(stream.as_bytes());
                assert!(
                    matches!(fault, Fault::WrongType { key: "id", .. }),
                    "{stream}"
                );
                assert_eq!(fault.code(), Code::Malformed);
            } else {
                assert_eq!(kind(stream.as_bytes()), "invalid", "{stream}");
                assert_eq!(id_of(&stream), Ok(None), "{stream}");
            }
        }
    }
}

/// The id of a message as it was written, after its way through `RequestId` and the encoder.
fn id_of(stream: &str) -> Result<Option<String>, Fault> {
    with_only(stream.as_bytes(), |message| {
        let mut bytes = Vec::new();
        message.encode(&mut bytes, ipc_wire::Dialect::Seed);
        let object: std::collections::HashMap<String, Box<serde_json::value::RawValue>> =
            serde_json::from_slice(&bytes).unwrap();
        object.get("id").map(|id| id.get().to_owned())
    })
}

#[test]
fn whatever_does_not_begin_with_a_brace_is_refused_with_its_first_byte() {
    for byte in 0..=0xFF_u8 {
        let found = Decoder::new(DecodeLimits::default())
            .decode(&mut &[byte][..])
            .map(|_| ());
        match byte {
            b'{' | b' ' | b'\t' | b'\n' | b'\r' => assert_eq!(found, Ok(())),
            _ => assert_eq!(found.unwrap_err().code(), Code::Malformed),
        }
    }
}

#[test]
fn an_http_request_is_told_that_this_is_no_http_port() {
    for method in [
        "GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "CONNECT", "PRI",
    ] {
        let fault = fault(format!("{method} / HTTP/1.1\r\n\r\n{{}}").as_bytes());
        assert!(
            fault.to_string().ends_with("does not speak HTTP"),
            "{method}: {fault}"
        );
    }
    for other in ["GETTING {}", "get / HTTP/1.1", "[]", "POST", "\"GET \""] {
        assert!(
            !fault(other.as_bytes()).to_string().contains("HTTP"),
            "{other}"
        );
    }
}

#[test]
fn nothing_comes_out_after_a_fault() {
    let broken: [&[u8]; 11] = [
        b"x",
        b"{x",
        b"{\"id\":1,\"id\":2}",
        b"{\"response\":1,\"error\":2}",
        b"{\"object\":\"o\"}",
        b"{\"error\":1,\"id\":[]}",
        b"{\"event\":null,\"result\":1}",
        b"\xEF\xBB\xBF{}",
        b"{\0\"\0",
        b"{\"response\":\"\xFF\"}",
        b"GET / HTTP/1.1\r\n\r\n",
    ];
    for broken in broken {
        // Whole, or cut where the fault comes from the buffer of an unfinished message.
        for at in [0, 1] {
            let mut decoder = Decoder::new(DecodeLimits::default());
            let (mut head, mut tail) = broken.split_at(at.min(broken.len() - 1));
            let begun = decoder
                .decode(&mut head)
                .map(|message| assert!(message.is_none()));
            let fault = begun
                .and_then(|()| decoder.decode(&mut tail).map(|_| ()))
                .unwrap_err();
            let mut next = &b"\n{\"reg_object\":\"a\"}"[..];
            assert_eq!(
                decoder.decode(&mut tail).unwrap_err(),
                fault,
                "what was left"
            );
            assert_eq!(
                decoder.decode(&mut next).unwrap_err(),
                fault,
                "what came later"
            );
            assert_eq!(decoder.finish(), Err(fault));
        }
    }
}
