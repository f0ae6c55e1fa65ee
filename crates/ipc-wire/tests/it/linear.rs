//! The cost of a message is linear in its length, however small its pieces are.
//!
//! What is counted where possible is counted; the rest is processor time, where a message of four
//! times the length may take eight times as long: twice the noise, and half of what a quadratic
//! cost would be.

use std::time::Instant;

use ipc_wire::{DecodeLimits, Decoder};

/// Quadratic costs are as visible at a quarter of a megabyte in a slow build.
const LONG_BYTES: usize = if cfg!(debug_assertions) {
    256 * 1024
} else {
    16 * 1024 * 1024
};
const SHORT_BYTES: usize = LONG_BYTES / 4;
const MAX_RATIO: f64 = 8.0;

/// A message of about `len` bytes whose payload is `open`, `unit` again and again, `close`.
fn message_of(len: usize, [open, unit, close]: [&str; 3]) -> Vec<u8> {
    let frame = "{\"response\":".len() + open.len() + close.len() + 1;
    let units = unit.repeat((len - frame) / unit.len());
    format!("{{\"response\":{open}{units}{close}}}").into_bytes()
}

/// Decodes the message in pieces of `piece` bytes; the number of times its buffer grew.
fn decode(message: &[u8], piece: usize) -> usize {
    let mut decoder = Decoder::new(DecodeLimits::default());
    let mut n_growths = 0;
    let mut n_messages = 0;
    let mut held = 0;
    for mut piece in message.chunks(piece) {
        n_messages += usize::from(decoder.decode(&mut piece).unwrap().is_some());
        if held < decoder.buffered_bytes() {
            held = decoder.buffered_bytes();
            n_growths += 1;
        }
    }
    assert_eq!(n_messages, 1);
    n_growths
}

/// The processor time of this thread where the system tells it, else the time of day: a busy
/// machine must not look like a slow decoder.
fn now_ns(start: Instant) -> u128 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let on_cpu = told
        .as_deref()
        .and_then(|text| text.split(' ').next()?.parse().ok());
    on_cpu
        .filter(|&ns| ns != 0)
        .unwrap_or_else(|| start.elapsed().as_nanos())
}

fn cost_ns(message: &[u8], piece: usize) -> u128 {
    let start = Instant::now();
    let before = now_ns(start);
    decode(message, piece);
    now_ns(start).saturating_sub(before).max(1)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio needs no last digit")]
fn check_linear(name: &str, parts: [&str; 3], piece: usize) {
    let (short, long) = (
        message_of(SHORT_BYTES, parts),
        message_of(LONG_BYTES, parts),
    );
    // One quiet moment among several is enough, so the first good ratio ends the search.
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        best = best.min(cost_ns(&long, piece) as f64 / cost_ns(&short, piece) as f64);
        if best < MAX_RATIO {
            return;
        }
    }
    panic!("{name} in pieces of {piece}: four times the length costs {best} times as much");
}

#[test]
fn a_text_byte_by_byte() {
    check_linear("text", ["\"", "x", "\""], 1);
}

#[test]
fn a_number_byte_by_byte() {
    check_linear("number", ["1", "7", ""], 1);
}

#[test]
fn nested_arrays_byte_by_byte() {
    check_linear("arrays", ["[", "[[[[1,2],3],4],[]],", "0]"], 1);
}

#[test]
fn escapes_byte_by_byte() {
    check_linear("escapes", ["\"", "\\u00e9\\n\\\\", "\""], 1);
}

#[test]
fn characters_of_several_bytes_byte_by_byte() {
    check_linear("characters", ["\"", "\u{e9}\u{20ac}\u{1f34b}", "\""], 1);
}

#[test]
fn many_keys_byte_by_byte() {
    check_linear("keys", ["1,\"x\":{", "\"k\":true,", "\"k\":null}"], 1);
}

#[test]
fn one_long_key_byte_by_byte() {
    check_linear("a key", ["1,\"", "\\u0069d", "\":1"], 1);
}

#[test]
fn white_space_byte_by_byte() {
    check_linear("space", ["1", " \n", ""], 1);
}

#[test]
fn pieces_of_an_odd_size() {
    check_linear("escapes", ["\"", "\\u00e9\\n\\\\", "\""], 7);
    check_linear("arrays", ["[", "[[[[1,2],3],4],[]],", "0]"], 1460);
}

#[test]
fn the_buffer_doubles_so_copying_is_linear_too() {
    for piece in [1, 1000, 4096] {
        for (len, parts) in [
            (SHORT_BYTES, ["\"", "x", "\""]),
            (LONG_BYTES, ["[", "0,", "1]"]),
        ] {
            let n_growths = decode(&message_of(len, parts), piece);
            let n_doublings = (len / piece).ilog2() as usize;
            assert!(
                n_growths <= n_doublings + 3,
                "{n_growths} growths by {piece}"
            );
        }
    }
}

#[test]
fn many_small_messages_in_one_piece_cost_what_they_are_long() {
    // What is behind a message must not be looked at again for each message before it.
    let cost = |len: usize| {
        let stream = "{\"response\":1}".repeat(len / 14);
        let start = Instant::now();
        let before = now_ns(start);
        let mut decoder = Decoder::new(DecodeLimits::default());
        assert!(decoder.decode(&mut &b"{\"respo"[..]).unwrap().is_none());
        let mut rest = &stream.as_bytes()[7..];
        let mut n_messages = 0;
        while decoder.decode(&mut rest).unwrap().is_some() {
            n_messages += 1;
        }
        assert_eq!(n_messages, len / 14);
        now_ns(start).saturating_sub(before).max(1)
    };
    #[expect(clippy::cast_precision_loss, reason = "a ratio needs no last digit")]
    let ratio = || cost(LONG_BYTES * 2) as f64 / cost(LONG_BYTES / 2) as f64;
    let best = (0..5).map(|_| ratio()).fold(f64::INFINITY, f64::min);
    assert!(best < MAX_RATIO, "{best}");
}
