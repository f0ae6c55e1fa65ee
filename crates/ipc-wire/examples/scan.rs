//! How fast the decoder goes over messages with payloads of several kinds: a figure a kind, and
//! for profilers the way of one kind alone.
//!
//! `target/release/examples/scan [KIND|PATH [TIMES]]`, where a path with a slash names a file with a
//! payload

#![expect(
    clippy::print_stdout,
    reason = "a measurement reads the clock and prints what it found"
)]

use std::{fmt::Write, hint::black_box, time::Instant};

use ipc_wire::{DecodeLimits, Decoder};

/// The size of a payload, and of what comes in together: what fits a chunk that the server reads.
const PAYLOAD_BYTES: usize = 64 * 1024;

/// How many bytes are gone through for a figure.
const TOTAL_BYTES: usize = 8 * 1024 * 1024;

/// How often that is done; the best counts.
const N_ROUNDS: usize = 40;

const KINDS: [&str; 12] = [
    "call", "param", "mixed", "sensors", "compact", "pretty", "numbers", "text", "escapes",
    "german", "cyrillic", "cjk",
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next();
    let times = arguments.next();
    match (kind, times) {
        (Some(kind), Some(times)) => run(&message(&kind), times.parse().expect("a number")),
        (Some(kind), None) => measure(&kind),
        (None, _) => KINDS.into_iter().for_each(measure),
    }
}

fn measure(kind: &str) {
    let message = message(kind);
    let times = TOTAL_BYTES / message.len();
    let best = (0..N_ROUNDS)
        .map(|_| {
            let start = Instant::now();
            run(&message, times);
            start.elapsed()
        })
        .min()
        .expect("there are rounds");
    let n_bytes = message.len() * times;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let (per_second, each) = (
        n_bytes as f64 / best.as_secs_f64() / 1e9,
        best.as_secs_f64() * 1e9 / times as f64,
    );
    println!("{kind:>10} {per_second:7.2} GB/s {each:10.1} ns a message");
}

fn run(message: &[u8], times: usize) {
    let together = (PAYLOAD_BYTES / message.len()).clamp(1, times);
    let chunk = message.repeat(together);
    let mut decoder = Decoder::new(DecodeLimits::default());
    for _ in 0..times / together {
        let mut input = black_box(chunk.as_slice());
        for _ in 0..together {
            let message = decoder.decode(&mut input).expect("it is valid");
            assert!(black_box(message).is_some(), "it is whole");
        }
    }
}

/// A call with a payload of a kind.
fn message(kind: &str) -> Vec<u8> {
    let payload = match kind {
        "call" => format!("\"{}\"", "x".repeat(62)),
        "param" => {
            "{\"a\": 1, \"b\": [true, null], \"c\": \"some text of a small call\"}".to_owned()
        }
        "mixed" => records(|json, n| {
            write!(
                json,
                "{{\"id\": {n}, \"name\": \"größe {n}\", \"on\": true, \"at\": [1.5e3, -{n}.25, null]}}, "
            )
        }),
        "sensors" => records(|json, n| {
            write!(
                json,
                "{{\"id\":{n},\"name\":\"sensor-{n}\",\"celsius\":{}.5,\"seen\":false,\
                 \"tags\":[\"ro\\\"om\",\"k\\u00fcche\",null],\"at\":{{\"x\":{},\"y\":-{n}}}}},",
                n % 40,
                n * 7
            )
        }),
        "compact" => records(|json, n| {
            write!(
                json,
                "{{\"id\":{n},\"name\":\"size {n}\",\"on\":true,\"at\":[1.5e3,-{n}.25,null]}},"
            )
        }),
        "pretty" => records(|json, n| {
            write!(
                json,
                "\n    {{\n      \"id\": {n},\n      \"name\": \"size {n}\",\n      \"at\": [\n        \
                 1.5,\n        -{n}\n      ]\n    }},"
            )
        }),
        "numbers" => records(|json, n| write!(json, "{n},-{n}.125,{},", n % 7)),
        "text" => text("Plain words, one after the other. "),
        "escapes" => text("a line\\n\\tand \\\"one\\\" more, "),
        "german" => text("Die Größe der Tür wäre für jeden schön. "),
        "cyrillic" => text("Съешь же ещё этих мягких французских булок. "),
        "cjk" => text("いろはにほへと散りぬるを我が世誰ぞ常ならむ、😀"),
        path if path.contains('/') => std::fs::read_to_string(path).expect("a file with JSON"),
        other => panic!("{other} is not one of {KINDS:?}"),
    };
    format!("{{\"object\":\"calc\",\"method\":\"add\",\"param\":{payload},\"id\":123456}}")
        .into_bytes()
}

/// An array of records, each written after a number that changes.
fn records(write: impl Fn(&mut String, usize) -> std::fmt::Result) -> String {
    let mut json = String::from("[");
    let mut n = 1;
    while json.len() < PAYLOAD_BYTES {
        n = (n * 37 + 11) % 99_991;
        write(&mut json, n).expect("memory");
    }
    json.push_str("{}]");
    json
}

fn text(piece: &str) -> String {
    format!("\"{}\"", piece.repeat(PAYLOAD_BYTES / piece.len()))
}
