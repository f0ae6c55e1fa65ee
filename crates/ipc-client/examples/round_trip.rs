//! How long a lone request takes to the server and back: the async client beside the blocking
//! one, in turn, with the same server.
//!
//! ```text
//! IPC_ADDRESS=unix:/tmp/ipc.sock target/release/examples/round_trip REQUESTS
//! ```

#![expect(clippy::print_stdout, reason = "the example's output")]

use std::{
    env,
    time::{Duration, Instant},
};

use ipc_client::{Client, RequestError, blocking};

const ROUNDS: usize = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let n_requests = env::args()
        .nth(1)
        .map_or(Ok(20_000), |number| number.parse())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let client = runtime.block_on(Client::connect())?;
    let blocking = blocking::Client::connect()?;
    let (mut with_async, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for _ in 0..n_requests / ROUNDS {
            without.push(time(|| blocking.ping())?);
        }
        let timing = async {
            for _ in 0..n_requests / ROUNDS {
                let start = Instant::now();
                client.ping().await?;
                with_async.push(start.elapsed());
            }
            Ok::<(), RequestError>(())
        };
        runtime.block_on(timing)?;
    }
    println!("async     {}", quantiles(with_async));
    println!("blocking  {}", quantiles(without));
    Ok(())
}

fn time<T, E>(request: impl FnOnce() -> Result<T, E>) -> Result<Duration, E> {
    let start = Instant::now();
    request()?;
    Ok(start.elapsed())
}

fn quantiles(mut latencies: Vec<Duration>) -> String {
    latencies.sort_unstable();
    let at = |percent| {
        latencies
            .get(latencies.len() * percent / 100)
            .copied()
            .unwrap_or_default()
    };
    format!("p10 {:?}  p50 {:?}  p99 {:?}", at(10), at(50), at(99))
}
