//! A broker and its peers, as arbitrary bytes say; `ipc_testkit::broker_ops` says what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ipc_testkit::broker_ops(data));
