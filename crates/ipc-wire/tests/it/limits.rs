//! Every limit, at it and one past it.

use ipc_wire::{Code, DecodeLimits, Decoder, Fault, LARGE_BYTES, Message, Outcome, RequestId};

use crate::{
    harness::outcome,
    support::{self, response},
};

/// `{"response":"…"}` of exactly so many bytes.
fn message_of(len: usize) -> Vec<u8> {
    let mut message = br#"{"response":""#.to_vec();
    message.resize(len - 2, b'x');
    message.extend_from_slice(b"\"}");
    message
}

fn limits(message_bytes: usize) -> DecodeLimits {
    DecodeLimits {
        message_bytes,
        ..DecodeLimits::default()
    }
}

#[test]
fn a_message_at_the_limit_is_accepted_and_one_byte_more_is_refused() {
    for limit in [15, 16, 64, 1023, 1024, 1025, 4096, LARGE_BYTES, 100_000] {
        let (exact, longer) = (message_of(limit), message_of(limit + 1));
        for piece in [1, 7, 1000, usize::MAX] {
            let found = outcome(exact.chunks(piece), limits(limit));
            assert_eq!(
                (found.messages.len(), found.fault),
                (1, None),
                "{limit} by {piece}"
            );
            let found = outcome(longer.chunks(piece), limits(limit));
            let too_large = Some(Fault::TooLarge { limit_bytes: limit });
            assert_eq!(
                (found.messages.len(), found.fault),
                (0, too_large),
                "{limit} by {piece}"
            );
        }
    }
}

#[test]
fn the_limit_is_of_each_message_and_white_space_between_them_is_free() {
    let mut stream = Vec::new();
    for _ in 0..10 {
        stream.extend_from_slice(&message_of(100));
        stream.extend_from_slice(&[b' '; 300]);
    }
    for piece in [1, 99, 100, 101, 5000] {
        let found = outcome(stream.chunks(piece), limits(100));
        assert_eq!((found.messages.len(), found.fault), (10, None));
    }
}

#[test]
fn a_message_without_end_is_refused_with_its_first_byte_too_many() {
    let endless: [&[u8]; 6] = [
        b"{\"response\":\"x",
        b"{\"response\":1",
        b"{ ",
        b"{\"response\":[1 ",
        b"{\"k",
        b"{\"response\":\"\\\\",
    ];
    for beginning in endless {
        // The last two bytes go on for ever; a pair, so that escapes stay whole.
        let (_, again) = beginning.split_at(beginning.len() - 2);
        let again = if again[0] == b'\\' {
            again
        } else {
            &again[1..]
        };
        let mut decoder = Decoder::new(limits(1000));
        let mut n_bytes = 0;
        let stream = beginning.iter().chain(again.iter().cycle());
        let fault = loop {
            let byte = *stream.clone().nth(n_bytes).unwrap();
            n_bytes += 1;
            match decoder.decode(&mut &[byte][..]) {
                Ok(None) => assert!(decoder.buffered_bytes() <= 1001),
                Ok(Some(message)) => panic!("{message:?}"),
                Err(fault) => break fault,
            }
        };
        assert_eq!(
            (n_bytes, fault.code()),
            (1001, Code::TooLarge),
            "{beginning:?}"
        );
        assert_eq!(
            decoder.buffered_bytes(),
            0,
            "what was buffered is thrown away"
        );
    }
}

#[test]
fn no_more_than_one_message_is_ever_held_however_much_arrives_at_once() {
    let limit = 3000;
    for first in [1, 10, 1000, 2000, 2998] {
        for len in [2999, 3000, 3001, 3002, 6000, 100_000] {
            let mut stream = message_of(len);
            stream.extend_from_slice(&message_of(2000));
            let (head, mut rest) = stream.split_at(first);
            let mut decoder = Decoder::new(limits(limit));
            assert!(decoder.decode(&mut &*head).unwrap().is_none());
            // Whether the message comes out or is refused: its buffer stays within the limit.
            let is_message = decoder
                .decode(&mut rest)
                .is_ok_and(|message| message.is_some());
            assert_eq!(is_message, len <= limit);
            assert!(
                decoder.buffered_bytes() <= limit + 1,
                "{} held",
                decoder.buffered_bytes()
            );
        }
    }
}

#[test]
fn a_claimed_size_reserves_nothing() {
    let mut decoder = Decoder::new(DecodeLimits::default());
    assert!(
        decoder
            .decode(&mut &b"{\"response\":\""[..])
            .unwrap()
            .is_none()
    );
    assert!(decoder.buffered_bytes() <= 64);
    for _ in 0..1000 {
        assert!(decoder.decode(&mut &b"xxxxxxxxxx"[..]).unwrap().is_none());
    }
    assert!(
        decoder.buffered_bytes() <= 32 * 1024,
        "at most double what arrived"
    );
}

#[test]
fn what_was_handed_out_is_forgotten_with_the_next_call() {
    let stream = message_of(10_000);
    let mut decoder = Decoder::new(DecodeLimits::default());
    let (head, mut tail) = stream.split_at(5000);
    assert!(decoder.decode(&mut &*head).unwrap().is_none());
    assert!(decoder.decode(&mut tail).unwrap().is_some());
    assert!(decoder.decode(&mut tail).unwrap().is_none());
    assert_eq!(
        decoder.buffered_bytes(),
        0,
        "an idle connection holds no message"
    );
}

#[test]
fn a_large_message_in_pieces_shares_its_payload_and_a_small_one_does_not() {
    for (len, is_shared) in [(LARGE_BYTES - 1, false), (LARGE_BYTES, true)] {
        // What follows in the same piece does not count.
        let stream = [message_of(len), message_of(2000)].concat();
        let (head, mut tail) = stream.split_at(100);
        let mut decoder = Decoder::new(DecodeLimits::default());
        assert!(decoder.decode(&mut &*head).unwrap().is_none());
        let message = decoder.decode(&mut tail).unwrap().unwrap();
        let Message::Reply(reply) = message else {
            panic!("{message:?}");
        };
        let Outcome::Response(payload) = reply.outcome else {
            panic!("{reply:?}");
        };
        let shared = payload.shared();
        assert_eq!(shared.is_some(), is_shared);
        if let Some(shared) = shared {
            assert_eq!(
                shared.as_ptr(),
                payload.json().as_ptr(),
                "shared, not copied"
            );
            assert_eq!(shared, payload.json());
        }
        assert_eq!(payload.json(), &stream[12..len - 1]);
    }
}

#[test]
fn a_small_value_does_not_keep_the_large_message_that_it_came_in() {
    let padding = "x".repeat(2 * LARGE_BYTES);
    let stream = format!("{{\"event\":\"e\",\"padding\":\"{padding}\",\"result\":[1]}}");
    let (head, mut tail) = stream.as_bytes().split_at(100);
    let mut decoder = Decoder::new(DecodeLimits::default());
    assert!(decoder.decode(&mut &*head).unwrap().is_none());
    let Some(Message::Event(event)) = decoder.decode(&mut tail).unwrap() else {
        panic!("{stream}");
    };
    assert_eq!(event.result.json(), b"[1]");
    assert_eq!(event.result.shared(), None);
}

#[test]
fn nesting_at_the_limit_is_accepted_and_one_level_more_is_refused() {
    for limit in [1, 2, 3, 127, 128] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = |levels: usize| {
                let inner = if levels == 0 { "" } else { "\"response\":" };
                let (opens, closes) = (open.repeat(levels), close.repeat(levels));
                let value = if levels == 0 { "" } else { "[]" };
                // The outermost object and the innermost array are levels too.
                format!("{{{inner}{opens}{value}{closes}}}").into_bytes()
            };
            let limits = DecodeLimits {
                depth: limit,
                ..DecodeLimits::default()
            };
            let at_limit = match limit {
                1 => nested(0),
                2 => b"{\"response\":[]}".to_vec(),
                _ => nested(limit as usize - 2),
            };
            let found = outcome([&*at_limit], limits);
            assert_eq!((found.messages.len(), found.fault), (1, None), "{limit}");
            let beyond = match limit {
                1 => b"{\"response\":[]}".to_vec(),
                _ => nested(limit as usize - 1),
            };
            for piece in [1, usize::MAX] {
                let found = outcome(beyond.chunks(piece), limits);
                assert_eq!(found.fault, Some(Fault::TooDeep { limit }));
            }
        }
    }
}

#[test]
fn no_configuration_follows_more_than_128_levels() {
    let limits = DecodeLimits {
        depth: u32::MAX,
        ..DecodeLimits::default()
    };
    let stream = [b"{\"response\":", &*b"[".repeat(128)].concat();
    let found = outcome([&*stream], limits);
    assert_eq!(found.fault, Some(Fault::TooDeep { limit: 128 }));
}

#[test]
fn two_hundred_thousand_brackets_are_refused_at_the_first_too_many() {
    for open in ["[", "{\"a\":", "[{\"a\":"] {
        let stream = [b"{\"response\":", open.repeat(200_000).as_bytes()].concat();
        for piece in [1, 1000, usize::MAX] {
            let found = outcome(stream.chunks(piece), DecodeLimits::default());
            assert_eq!(found.fault, Some(Fault::TooDeep { limit: 128 }));
        }
    }
}

#[test]
fn siblings_do_not_add_up_to_depth() {
    let stream = format!("{{\"response\":[{}[]]}}", "[],{\"a\":[]},".repeat(10_000));
    let found = outcome(stream.as_bytes().chunks(4096), DecodeLimits::default());
    assert_eq!((found.messages.len(), found.fault), (1, None));
}

#[test]
fn an_id_of_64_bytes_is_accepted_and_one_of_65_is_refused() {
    for (exact, longer) in [
        ("9".repeat(64), "9".repeat(65)),
        (
            format!("-{}", "9".repeat(63)),
            format!("-{}", "9".repeat(64)),
        ),
        (
            format!("\"{}\"", "x".repeat(62)),
            format!("\"{}\"", "x".repeat(63)),
        ),
    ] {
        let stream = format!("{{\"response\":1,\"id\":{exact}}}");
        let id = support::with_only(stream.as_bytes(), |message| match message {
            Message::Reply(reply) => reply.id.map(RequestId::from),
            other => panic!("{other:?}"),
        });
        assert_eq!(id, Ok(RequestId::from_json(exact.as_bytes())));
        assert!(id.unwrap().is_some());
        let stream = format!("{{\"response\":1,\"id\":{longer}}}");
        assert!(matches!(
            support::fault(stream.as_bytes()),
            Fault::WrongType { key: "id", .. }
        ));
    }
}

#[test]
fn a_million_digits_are_a_number_and_come_out_digit_for_digit() {
    let digits = "31415926535".repeat(1_000_000 / 11 + 1);
    for number in [
        digits.clone(),
        format!("-0.{digits}"),
        format!("1e{digits}"),
    ] {
        let stream = format!("{{\"response\":{number}}}");
        let found = support::with_only(stream.as_bytes(), |message| {
            response(&message) == number.as_bytes()
        });
        assert_eq!(found, Ok(true));
        let found = outcome(stream.as_bytes().chunks(1000), DecodeLimits::default());
        assert_eq!(found.messages, [stream.as_bytes()]);
    }
}

#[test]
fn a_million_digits_are_no_id_and_no_timeout() {
    let digits = "9".repeat(1_000_000);
    for key in ["id", "timeout_ms"] {
        let stream = format!("{{\"list\":[],\"{key}\":{digits}}}");
        let text = support::with_only(stream.as_bytes(), |message| match message {
            Message::Invalid(invalid) => invalid.value.to_string(),
            _ => "something else".to_owned(),
        });
        let expected = format!("\"{key}\" is a number of 1000000 bytes; it must be ");
        assert!(text.unwrap().starts_with(&expected));
    }
}

#[test]
fn a_container_closes_as_it_was_opened_however_deep_it_is() {
    for n_levels in (1..=127).filter(|n| n % 7 == 0 || (60..70).contains(n) || 125 < *n) {
        // Objects and arrays in an order that no short period repeats.
        let is_object = |level: usize| (level * level / 3).is_multiple_of(2);
        let open = (0..n_levels).map(|level| if is_object(level) { "{\"a\":" } else { "[" });
        let closers = (0..n_levels)
            .rev()
            .map(|level| if is_object(level) { '}' } else { ']' });
        let (open, closers): (String, String) = (open.collect(), closers.collect());
        let found = |closers: &str| {
            let stream = format!("{{\"response\":{open}1{closers}}}");
            outcome([stream.as_bytes()], DecodeLimits::default())
        };
        let whole = found(&closers);
        assert_eq!((whole.messages.len(), whole.fault), (1, None), "{n_levels}");
        for n in 0..n_levels {
            let mut wrong: Vec<char> = closers.chars().collect();
            wrong[n] = if wrong[n] == '}' { ']' } else { '}' };
            let wrong = found(&wrong.into_iter().collect::<String>());
            assert!(wrong.fault.is_some(), "level {n} of {n_levels}");
        }
    }
}
