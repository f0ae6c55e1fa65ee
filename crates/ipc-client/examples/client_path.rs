//! What a call takes on both ends of the library: a provider and its callers in one thread, so that
//! instructions can be counted that unlike seconds do not depend on the machine's mood.
//!
//! ```text
//! ipc-server --listen unix:/tmp/ipc.sock &
//! IPC_ADDRESS=unix:/tmp/ipc.sock valgrind --tool=callgrind \
//!     target/release/examples/client_path CALLS CALLERS IN_FLIGHT
//! ```
//!
//! The difference between two numbers of calls, divided, is one call without the start.

#![expect(clippy::print_stdout, reason = "the example's output")]

use std::{cell::Cell, env, rc::Rc, time::Instant};

use ipc_client::{Client, RawJson, Request, Response};
use tokio::task::LocalSet;

/// As long as the payloads of the benchmark.
const PARAM: &str = r#""Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do""#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers: Vec<usize> = env::args()
        .skip(1)
        .map(|number| number.parse())
        .collect::<Result<_, _>>()?;
    let [n_calls, n_callers, in_flight] = numbers[..] else {
        return Err("three numbers are wanted: CALLS CALLERS IN_FLIGHT".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, run(n_calls, n_callers, in_flight))
}

async fn run(
    n_calls: usize,
    n_callers: usize,
    in_flight: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let provider = Client::connect().await?;
    let _registration = provider
        .register_fn("bench", |request: Request| async move {
            Ok(Response::raw(request.into_raw_param().unwrap_or_default()))
        })
        .await?;
    let param = RawJson::from_text(PARAM)?;
    let n_left = Rc::new(Cell::new(n_calls));
    let start = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..n_callers {
        let object = Client::connect().await?.object("bench");
        for _ in 0..in_flight {
            let (object, param) = (object.clone(), param.clone());
            let n_left = Rc::clone(&n_left);
            tasks.push(tokio::task::spawn_local(async move {
                while let Some(n_after) = n_left.get().checked_sub(1) {
                    n_left.set(n_after);
                    object.call_raw("m", Some(param.clone())).await?;
                }
                Ok::<(), ipc_client::CallError>(())
            }));
        }
    }
    for task in tasks {
        task.await??;
    }
    let ns = start.elapsed().as_nanos() / n_calls.max(1) as u128;
    println!("{n_calls} calls, {ns} ns each");
    Ok(())
}
