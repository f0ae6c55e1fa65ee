//! Messages as bytes: the exact forms, both dialects, and what a payload cannot do.

use bytes::Bytes;
use ipc_wire::{
    Call, Dialect, Event, Id, Listen, Message, Outcome, Payload, Register, Reply, SEED_READ_BYTES,
    Success, Text, Wait,
};

use crate::{
    splitting::KINDS,
    support::{response, with_only},
};

fn encoded(message: Message<'_>, dialect: Dialect) -> String {
    let mut bytes = Vec::new();
    message.encode(&mut bytes, dialect);
    String::from_utf8(bytes).unwrap()
}

const fn text(literal: &str) -> Text<'_> {
    Text::from_literal(literal.as_bytes())
}

const fn payload(json: &str) -> Payload<'_> {
    Payload::from_json(json.as_bytes())
}

const fn response_of(response: Payload<'_>) -> Message<'_> {
    Message::Reply(Reply {
        outcome: Outcome::Response(response),
        more: false,
        id: None,
    })
}

const fn error_of<'a>(error: &'a str, code: Option<Text<'a>>) -> Message<'a> {
    let error = payload(error);
    Message::Reply(Reply {
        outcome: Outcome::Error { error, code },
        more: false,
        id: None,
    })
}

const fn wait_for(objects: &str) -> Message<'_> {
    Message::Wait(Wait {
        objects: payload(objects),
        timeout_ms: None,
        missing: None,
        id: None,
    })
}

/// The forms of section 1 of the protocol, built by hand.
fn seed_forms() -> [(Message<'static>, &'static str); 11] {
    let call = Call {
        object: text("\"calc\""),
        method: text("\"add\""),
        param: Some(payload("{\"a\":1}")),
        timeout_ms: None,
        headers: None,
        stream: false,
        id: None,
    };
    let register = Register {
        object: text("\"calc\""),
        mode: None,
        interface: None,
        id: None,
    };
    let listen = Listen {
        event: text("\"temp\""),
        matching: None,
        id: None,
    };
    let event = Event {
        event: text("\"temp\""),
        result: payload("21.5"),
        retain: false,
        id: None,
    };
    [
        (Message::Register(register), r#"{"reg_object":"calc"}"#),
        (
            Message::Success(Success {
                delivered: None,
                id: None,
            }),
            r#"{"success":"OK"}"#,
        ),
        (wait_for(r#"["calc","log"]"#), r#"{"list":["calc","log"]}"#),
        (wait_for("[]"), r#"{"list":[]}"#),
        (
            Message::Call(call),
            r#"{"object":"calc","method":"add","param":{"a":1}}"#,
        ),
        (
            Message::Call(Call {
                param: None,
                ..call
            }),
            r#"{"object":"calc","method":"add"}"#,
        ),
        (response_of(payload("3")), r#"{"response":3}"#),
        (
            error_of("\"Object not found\"", None),
            r#"{"error":"Object not found"}"#,
        ),
        (error_of("[1]", None), r#"{"error":[1]}"#),
        (Message::Listen(listen), r#"{"event_name":"temp"}"#),
        (Message::Event(event), r#"{"event":"temp","result":21.5}"#),
    ]
}

/// The same with every option, where the order of the keys is ours.
fn full_requests() -> [(Message<'static>, &'static str); 5] {
    let id = Id::from_json(b"\"a\"");
    let register = Register {
        object: text("\"o\""),
        mode: Some(text("\"shared\"")),
        interface: Some(payload("{\"m\":{}}")),
        id,
    };
    let wait = Wait {
        objects: payload("[]"),
        timeout_ms: Some(0),
        missing: Some(payload("[\"log\"]")),
        id,
    };
    let call = Call {
        object: text("\"o\""),
        method: text("\"m\""),
        param: Some(payload("null")),
        timeout_ms: Some(u64::MAX),
        headers: Some(payload("{\"traceparent\":\"00\"}")),
        stream: true,
        id,
    };
    let (event, matching) = (text("\"e.>\""), Some(text("\"pattern\"")));
    let listen = Listen {
        event,
        matching,
        id,
    };
    let event = Event {
        event,
        result: payload("[]"),
        retain: true,
        id,
    };
    [
        (
            Message::Register(register),
            r#"{"reg_object":"o","mode":"shared","interface":{"m":{}},"id":"a"}"#,
        ),
        (
            Message::Wait(wait),
            r#"{"list":[],"missing":["log"],"timeout_ms":0,"id":"a"}"#,
        ),
        (
            Message::Call(call),
            concat!(
                r#"{"object":"o","method":"m","param":null,"timeout_ms":18446744073709551615,"#,
                r#""headers":{"traceparent":"00"},"stream":true,"id":"a"}"#,
            ),
        ),
        (
            Message::Listen(listen),
            r#"{"event_name":"e.>","match":"pattern","id":"a"}"#,
        ),
        (
            Message::Event(event),
            r#"{"event":"e.>","result":[],"retain":true,"id":"a"}"#,
        ),
    ]
}

fn full_answers() -> [(Message<'static>, &'static str); 3] {
    let id = Id::from_json(b"\"a\"");
    let response = Outcome::Response(payload("1.0"));
    let error = Outcome::Error {
        error: payload("{}"),
        code: Some(text("\"busy\"")),
    };
    let delivered = Some(3);
    [
        (
            Message::Reply(Reply {
                outcome: response,
                more: true,
                id,
            }),
            r#"{"response":1.0,"more":true,"id":"a"}"#,
        ),
        (
            Message::Reply(Reply {
                outcome: error,
                more: false,
                id,
            }),
            r#"{"error":{},"code":"busy","id":"a"}"#,
        ),
        (
            Message::Success(Success { delivered, id }),
            r#"{"success":"OK","delivered":3,"id":"a"}"#,
        ),
    ]
}

fn all_forms() -> impl Iterator<Item = (Message<'static>, &'static str)> {
    seed_forms()
        .into_iter()
        .chain(full_requests())
        .chain(full_answers())
}

#[test]
fn every_message_has_its_form_to_the_byte_in_both_dialects() {
    for (message, expected) in all_forms() {
        assert_eq!(encoded(message, Dialect::Seed), expected);
        assert_eq!(encoded(message, Dialect::Lines), format!("{expected}\n"));
    }
    assert_eq!(encoded(Message::Unknown { id: None }, Dialect::Seed), "{}");
    let id = Some(Id::Number(7));
    assert_eq!(
        encoded(Message::Unknown { id }, Dialect::Lines),
        "{\"id\":7}\n"
    );
}

#[test]
fn every_message_survives_the_way_to_bytes_and_back_in_both_dialects() {
    // Both start from a message built by hand; what comes back is told by all it says.
    for (message, _) in all_forms() {
        for dialect in [Dialect::Seed, Dialect::Lines] {
            let bytes = encoded(message, dialect);
            let back = with_only(bytes.as_bytes(), |back| {
                (format!("{back:?}"), encoded(back, Dialect::Seed))
            });
            let same = (format!("{message:?}"), encoded(message, Dialect::Seed));
            assert_eq!(back, Ok(same));
        }
    }
}

#[test]
fn a_received_message_is_forwarded_as_it_was_sent() {
    for kind in KINDS {
        for (dialect, end) in [(Dialect::Seed, ""), (Dialect::Lines, "\n")] {
            let forwarded = with_only(kind.as_bytes(), |message| encoded(message, dialect));
            assert_eq!(forwarded, Ok(format!("{kind}{end}")));
        }
    }
}

#[test]
fn a_seed_message_is_padded_exactly_where_its_length_is_a_multiple_of_4096() {
    for around in [4096, 8192, 12_288, 16_384, 65_536, 1_048_576] {
        for len in around - 3..=around + 3 {
            let json = format!("\"{}\"", "x".repeat(len - "{\"response\":\"\"}".len()));
            let seed = encoded(response_of(payload(&json)), Dialect::Seed);
            let padding = if len % SEED_READ_BYTES == 0 { " " } else { "" };
            assert_eq!(seed, format!("{{\"response\":{json}}}{padding}"), "{len}");
            assert_ne!(seed.len() % SEED_READ_BYTES, 0);
            let line = encoded(response_of(payload(&json)), Dialect::Lines);
            assert_eq!(
                line,
                format!("{{\"response\":{json}}}\n"),
                "lines are not padded"
            );
        }
    }
}

#[test]
fn padding_counts_from_the_message_and_not_from_the_buffer() {
    let json = format!("\"{}\"", "x".repeat(4096 - "{\"response\":\"\"}".len()));
    for already in [0, 1, 100, 4095, 4096] {
        let mut out = vec![b'.'; already];
        response_of(payload(&json)).encode(&mut out, Dialect::Seed);
        assert_eq!(out.len(), already + 4097);
        let mut out = vec![b'.'; already];
        response_of(payload("1")).encode(&mut out, Dialect::Seed);
        assert_eq!(out.len(), already + "{\"response\":1}".len());
    }
}

#[test]
fn a_pretty_payload_is_one_line_in_lines_and_verbatim_in_seed() {
    let pretty = "{\r\n\t\"a\" :\n [1.50,\r\r\"b\\n\\u000a\" ]\n\n}";
    let stream = format!("{{\n\"response\"\n:\n{pretty}\n}}");
    let check = |message: Message<'_>| {
        assert_eq!(
            encoded(message, Dialect::Seed),
            format!("{{\"response\":{pretty}}}")
        );
        let one_line = pretty.replace(['\r', '\n'], " ");
        assert_eq!(
            encoded(message, Dialect::Lines),
            format!("{{\"response\":{one_line}}}\n")
        );
    };
    with_only(stream.as_bytes(), check).unwrap();
    check(response_of(Payload::from_pretty_json(pretty.as_bytes())));
}

#[test]
fn breaks_outside_a_payload_do_not_change_it() {
    let stream = "\r\n{\n\"response\"\r:\n[1, 2]\n}\n";
    let line = with_only(stream.as_bytes(), |message| {
        encoded(message, Dialect::Lines)
    });
    assert_eq!(line.as_deref(), Ok("{\"response\":[1, 2]}\n"));
}

#[test]
fn a_forged_message_in_the_white_space_of_a_payload_never_begins_a_line() {
    const FORGED: &str = r#"{"reg_object":"evil"}"#;
    for line_break in ["\n", "\r", "\r\n", "\n\n", " \n\t"] {
        for key in [
            "response",
            "error",
            "event\":\"e\",\"result",
            "object\":\"o\",\"method\":\"m\",\"param",
            "object\":\"o\",\"method\":\"m\",\"headers",
            "reg_object\":\"o\",\"interface",
            "list",
            "list\":[],\"missing",
        ] {
            let inner = format!("{line_break}{FORGED}{line_break}");
            let value = match key.rsplit('"').next() {
                Some("headers" | "interface") => format!("{{\"a\":{inner}}}"),
                _ => format!("[{inner},{inner}]"),
            };
            let stream = format!("{{\"{key}\":{value}}}");
            let line = with_only(stream.as_bytes(), |message| {
                encoded(message, Dialect::Lines)
            });
            let line = line.unwrap();
            assert_eq!(line.find(['\n', '\r']), Some(line.len() - 1), "{line:?}");
            assert!(line.contains(FORGED) && !line.starts_with(FORGED));
            // It is still the sender's value.
            let sent: serde_json::Value = serde_json::from_str(&stream).unwrap();
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&line).unwrap(),
                sent
            );
        }
    }
}

#[test]
fn what_is_known_to_break_no_line_is_known_after_every_cut() {
    let stream = b"{\"response\":[1,\n2]}";
    for at in 1..stream.len() {
        let mut decoder = ipc_wire::Decoder::new(ipc_wire::DecodeLimits::default());
        let (head, mut tail) = stream.split_at(at);
        assert!(decoder.decode(&mut &*head).unwrap().is_none());
        let message = decoder.decode(&mut tail).unwrap().unwrap();
        assert_eq!(
            encoded(message, Dialect::Lines),
            "{\"response\":[1, 2]}\n",
            "cut at {at}"
        );
    }
}

#[test]
fn a_shared_payload_is_written_as_it_is() {
    let owner = Bytes::from_static(b"[1,2]");
    let shared = Payload::from_shared(&owner);
    assert_eq!(shared.shared(), Some(owner.clone()));
    for (dialect, end) in [(Dialect::Seed, ""), (Dialect::Lines, "\n")] {
        let bytes = encoded(response_of(shared), dialect);
        assert_eq!(bytes, format!("{{\"response\":[1,2]}}{end}"));
        let back = with_only(bytes.as_bytes(), |message| response(&message) == b"[1,2]");
        assert_eq!(back, Ok(true));
    }
}

#[test]
fn a_shared_payload_with_line_breaks_is_one_line_too() {
    let owner = Bytes::from_static(b"[\n{\"reg_object\":\"evil\"}\r\n]");
    let line = encoded(response_of(Payload::from_shared(&owner)), Dialect::Lines);
    assert_eq!(line, "{\"response\":[ {\"reg_object\":\"evil\"}  ]}\n");
}

#[test]
fn a_text_says_what_it_means_or_nothing_where_unicode_has_no_word_for_it() {
    for (literal, meaning) in [
        ("\"\"", Some("")),
        ("\"calc\"", Some("calc")),
        ("\"größe\"", Some("größe")),
        ("\"\\u0061\\n\\\"\\/\"", Some("a\n\"/")),
        ("\"\\ud83c\\udf4b\"", Some("\u{1f34b}")),
        ("\"\\u0000\"", Some("\0")),
        ("\"\\ud83c\"", None),
        ("\"\\udf4b\\ud83c\"", None),
    ] {
        assert_eq!(text(literal).decode().as_deref(), meaning, "{literal}");
    }
}
