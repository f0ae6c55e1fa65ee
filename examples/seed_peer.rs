//! A peer of the 2024 seed system, over a bare socket and without a library: it registers an
//! object `echo` and answers its calls.
//!
//! Such peers take what arrives for one message when a read does not fill their buffer. A server
//! of today still serves them.
//!
//! ```text
//! ENV_SERVER_ADDRESS=127.0.0.1:1986 cargo run -p ipc-client --example seed_peer
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    env,
    io::{self, Read, Write},
    net::TcpStream,
};

use serde_json::{Value, json};

/// What a seed peer reads at a time.
const READ_BYTES: usize = 4096;

fn main() -> io::Result<()> {
    let address = env::var("ENV_SERVER_ADDRESS").unwrap_or_else(|_| "127.0.0.1:1986".to_owned());
    let mut stream = TcpStream::connect(address)?;

    write_message(&mut stream, &json!({"reg_object": "echo"}))?;
    let answer = read_message(&mut stream)?;
    println!("registered: {answer}");

    loop {
        let call = match read_message(&mut stream) {
            Ok(call) => call,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        let reply = match call["method"].as_str() {
            Some("echo") => json!({"response": call["param"]}),
            _ => json!({"error": "no such method"}),
        };
        write_message(&mut stream, &reply)?;
    }
}

/// Reads until a read is short: that is where a message ends.
fn read_message(stream: &mut TcpStream) -> io::Result<Value> {
    let mut message = Vec::new();
    let mut buffer = [0; READ_BYTES];
    loop {
        let n_read = stream.read(&mut buffer)?;
        if n_read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        message.extend_from_slice(&buffer[..n_read]);
        if n_read < READ_BYTES {
            return Ok(serde_json::from_slice(&message)?);
        }
    }
}

/// Writes one message at once, and sees to it that its last read is a short one.
fn write_message(stream: &mut TcpStream, message: &Value) -> io::Result<()> {
    let mut text = message.to_string();
    if text.len().is_multiple_of(READ_BYTES) {
        text.push(' ');
    }
    stream.write_all(text.as_bytes())
}
