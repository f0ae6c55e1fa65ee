//! Arbitrary bytes as a payload, at any place in the scanner's blocks, with vector instructions and
//! without; `src/decode.rs` says what must hold.

#![no_main]

#[allow(dead_code, reason = "there are two ways in")]
#[path = "../src/decode.rs"]
mod decode;

libfuzzer_sys::fuzz_target!(|data: &[u8]| decode::check_payload(data));
