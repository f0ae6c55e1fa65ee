//! Arbitrary bytes, cut arbitrarily, through the decoder; `src/decode.rs` says what must hold.

#![no_main]

#[allow(dead_code, reason = "there are two ways in")]
#[path = "../src/decode.rs"]
mod decode;

libfuzzer_sys::fuzz_target!(|data: &[u8]| decode::check(data));
