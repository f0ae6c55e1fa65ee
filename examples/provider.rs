//! Provides an object `calc` until Ctrl-C is pressed or the server is gone for good.
//!
//! ```text
//! cargo run -p ipc-client --example provider
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use ipc_client::{Client, ConnectionState, Methods, ObjectError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The address comes from IPC_ADDRESS, or else from where servers usually are.
    let client = Client::builder().name("calc-example").connect().await?;
    println!("connected to {}", client.address());

    // A table of closures, each with the types of its own argument and result. For more, such as
    // headers and the time left, implement the trait `Provider` for a type of your own.
    let calc = Methods::new()
        .on("add", |(a, b): (i64, i64)| async move { Ok(a + b) })
        .on("divide", |(a, b): (i64, i64)| async move {
            // An error is any JSON; the caller gets it as `CallError::Remote`.
            a.checked_div(b)
                .ok_or_else(|| ObjectError::text("division by zero"))
        });

    // The name is given back when the registration is dropped.
    let registration = client.register("calc", calc).await?;
    println!("providing '{}'; press Ctrl-C to end", registration.object());

    // Reconnecting is the client's work. Watching its states is for those who want to know.
    let mut states = client.states();
    let watch = async {
        while let Some(state) = states.changed().await {
            println!("{state:?}");
            if matches!(state, ConnectionState::Closed { .. }) {
                return;
            }
        }
    };
    tokio::select! {
        () = watch => {}
        pressed = tokio::signal::ctrl_c() => pressed?,
    }

    registration.unregister().await?;
    client.close().await?;
    Ok(())
}
