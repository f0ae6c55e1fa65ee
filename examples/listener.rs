//! Listens to events under `temp`, sends one now and then, and prints what arrives.
//!
//! ```text
//! cargo run -p ipc-client --example listener
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use ipc_client::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::connect().await?;

    // Dots separate tokens: `*` is one of them, `>` is the rest. `listen` takes a name literally.
    let mut temperatures = client.listen_pattern("temp.*").await?;

    // A clone is another handle on the same connection.
    let sender = client.clone();
    let emit = async move {
        for tenths in 200..205 {
            let celsius = f64::from(tenths) / 10.0;
            // A sender that listens gets its own events too.
            let n_listeners = sender.emit("temp.kitchen", &celsius).await?;
            println!("sent to {n_listeners}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        // Ends the subscription below, too.
        sender.close().await?;
        Ok(())
    };

    let receive = async move {
        while let Some(delivery) = temperatures.recv().await {
            match delivery {
                Ok(event) => println!("{}: {} °C", event.name(), event.parse::<f64>()?),
                // Nothing is lost in silence.
                Err(lagged) => println!("{lagged}"),
            }
        }
        Ok(())
    };

    let both: Result<((), ()), Box<dyn std::error::Error>> = tokio::try_join!(emit, receive);
    both?;
    Ok(())
}
