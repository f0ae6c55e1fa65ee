//! Calls the object `calc` of the example `provider`, and shows how calls may end.
//!
//! ```text
//! cargo run -p ipc-client --example caller
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use ipc_client::{CallError, Client};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::connect().await?;

    // Providers may start later than callers.
    client
        .wait_for_objects(["calc"])
        .timeout(Duration::from_secs(10))
        .await?;

    // Arguments and responses are whatever serde can write and read.
    let calc = client.object("calc");
    let sum: i64 = calc.call("add", &(1, 2)).await?;
    println!("1 + 2 = {sum}");

    // Calls that do not wait for each other travel together.
    let (seven, nine) = tokio::try_join!(
        calc.call::<i64>("add", &(3, 4)).into_future(),
        calc.call::<i64>("add", &(4, 5)).into_future(),
    )?;
    println!("3 + 4 = {seven}, 4 + 5 = {nine}");

    let call = calc.call::<i64>("divide", &(1, 0));
    match call.timeout(Duration::from_secs(2)).await {
        Ok(quotient) => println!("1 / 0 = {quotient}"),
        Err(CallError::Remote(error)) => println!("the provider says: {error}"),
        Err(error) if error.is_outcome_unknown() => println!("perhaps it was done: {error}"),
        Err(error) => return Err(error.into()),
    }

    client.close().await?;
    Ok(())
}
