//! What a call allocates on either end while many are in flight.
//!
//! A binary of its own, for every allocation in it is counted, thread by thread: the caller has
//! one, the provider another, the server a third.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{
    sync::mpsc,
    thread::{self, JoinHandle},
};

use futures_util::future::join_all;
use ipc_client::{Client, Object, Request, Response};
use ipc_server::{Address, Server};
use tokio::{runtime::Runtime, sync::oneshot};

/// The buffer that a call waits in, and its response.
const PER_CALL_MADE: u64 = 2;

/// The argument, and the response until it is sent.
const PER_CALL_SERVED: u64 = 2;

/// What reading, writing and waking many calls at once may allocate, by the call: one in this
/// many.
const CALLS_PER_EXTRA: u64 = 10;

const N_CALLS: u64 = 20_000;
const IN_FLIGHT: u64 = 64;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

async fn connect(address: &Address) -> Client {
    let builder = Client::builder().address(address.clone());
    builder.connect().await.unwrap()
}

/// A provider in a thread of its own; what the thread allocates from when it is ready until it is
/// told to stop.
fn provide(address: Address) -> (oneshot::Sender<()>, JoinHandle<u64>) {
    let (stop, stopped) = oneshot::channel();
    let (tell_ready, ready) = mpsc::channel();
    let counting = thread::spawn(move || {
        let runtime = runtime();
        let client = runtime.block_on(connect(&address));
        let counter = client.register_fn("counter", |request: Request| async move {
            let number: u64 = request.param()?;
            Response::new(&(number + 1))
        });
        let _registration = runtime.block_on(counter.into_future()).unwrap();
        // The first calls let buffers and tables grow.
        runtime.block_on(call_many(client.object("counter"), 10 * IN_FLIGHT));
        tell_ready.send(()).unwrap();
        let counted = allocation_counter::measure(|| runtime.block_on(stopped).unwrap());
        counted.count_total
    });
    ready.recv().unwrap();
    (stop, counting)
}

async fn call_many(object: Object, n_calls: u64) {
    let calling = (0..IN_FLIGHT).map(async |_| {
        for number in 0..n_calls / IN_FLIGHT {
            let next: u64 = object.call("next", &number).await.unwrap();
            assert_eq!(next, number + 1);
        }
    });
    join_all(calling).await;
}

fn assert_bound(counted: u64, per_call: u64) {
    let bound = N_CALLS * per_call + N_CALLS / CALLS_PER_EXTRA;
    assert!(counted <= bound, "{counted} allocations, at most {bound}");
}

#[test]
fn a_call_in_flight_beside_others_allocates_twice_on_either_end() {
    let server = Server::builder()
        .listen("tcp://127.0.0.1:0".parse().unwrap())
        .bind()
        .unwrap()
        .spawn()
        .unwrap();
    let address = server.addresses()[0].clone();
    let (stop, provider) = provide(address.clone());

    let runtime = runtime();
    let client = runtime.block_on(connect(&address));
    let object = client.object("counter");
    runtime.block_on(call_many(object.clone(), 10 * IN_FLIGHT));
    let counted = allocation_counter::measure(|| {
        runtime.block_on(call_many(object, N_CALLS));
    });
    stop.send(()).unwrap();

    assert_bound(counted.count_total, PER_CALL_MADE);
    assert_bound(provider.join().unwrap(), PER_CALL_SERVED);
}
