//! Proof of what the protocol says about bytes: which become messages, and which do not.
//!
//! Each module is named after the property it proves. `harness` is the body of the fuzz target,
//! so that fuzzer and tests hold the decoder to the same rules.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod agreement;
mod corpus;
mod encoding;
mod envelope;
mod foreign_text;
#[path = "../../../../fuzz/src/decode.rs"]
mod harness;
mod limits;
mod linear;
mod nulls;
mod replay;
mod rfc8259;
mod splitting;
mod support;
