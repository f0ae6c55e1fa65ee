//! A program without async: provides an object, calls it, and sends and takes events.
//!
//! ```text
//! cargo run -p ipc-client --example blocking
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use ipc_client::{ObjectError, Response, blocking::Client};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Elsewhere than at the usual places: `ipc_client::Client::builder()…connect_blocking()`.
    let client = Client::connect()?;

    // Each call has a thread of its own, so the closure may read files, wait, or call others.
    let files = client.register_fn("files", |request| match request.method() {
        "size" => {
            let path: String = request.param()?;
            let metadata = std::fs::metadata(path).map_err(ObjectError::text)?;
            Response::new(&metadata.len())
        }
        method => Err(ObjectError::method_not_found(method)),
    });
    let files = files.wait()?;

    // A call waits in this thread, and the connection is driven by it meanwhile.
    let own_path = std::env::current_exe()?;
    let call = client.object("files").call::<u64>("size", &own_path);
    let bytes = call.timeout(Duration::from_secs(2)).wait()?;
    println!("this program has {bytes} bytes");

    let mut temperatures = client.listen_pattern("temp.*")?;
    for celsius in [21.5, 21.75, 22.0] {
        client.emit("temp.kitchen", &celsius).wait()?;
    }
    // A subscription is an iterator, too; this one would wait for ever.
    for event in temperatures.by_ref().take(3) {
        let event = event?;
        println!("{}: {}", event.name(), event.parse::<f64>()?);
    }
    if let Err(error) = temperatures.recv_timeout(Duration::from_millis(10)) {
        println!("{error}");
    }

    files.unregister()?;
    client.close()?;
    Ok(())
}
