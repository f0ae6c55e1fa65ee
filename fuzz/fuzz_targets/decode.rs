//! Arbitrary bytes, cut arbitrarily, through the decoder; `src/decode.rs` says what must hold.

#![no_main]

#[path = "../src/decode.rs"]
mod decode;

libfuzzer_sys::fuzz_target!(|data: &[u8]| decode::check(data));
