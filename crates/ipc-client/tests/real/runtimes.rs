//! What becomes of a client whose runtime is gone, or is not driven any more.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use futures_util::future::poll_immediate;
use ipc_client::{
    CallError, Client, ClientInfo, ConnectionState, DisconnectReason, RegistrationState,
    RequestError, Response, WaitError,
};
use ipc_server::Running;
use tokio::runtime::{Builder, Runtime};

use super::{connect, start_server};

/// Nothing below takes nearly as long, unless it hangs.
const HANG: Duration = Duration::from_secs(60);

/// Runs a future in this thread, with nothing that tokio could know of.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let start = Instant::now();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let elapsed = start.elapsed();
        assert!(elapsed < HANG, "it hangs");
        thread::park_timeout(HANG.saturating_sub(elapsed));
    }
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

/// A client whose calls have a minute by default.
fn connect_in(runtime: &Runtime, server: &Running) -> Client {
    let address = server.addresses()[0].clone();
    let builder = Client::builder().address(address).call_timeout(Some(HANG));
    runtime.block_on(builder.connect()).unwrap()
}

/// Everything that can be asked of a client whose task is gone ends, and says so.
async fn assert_gone(client: &Client) {
    let is_closed = |state: &ConnectionState| matches!(state, ConnectionState::Closed { .. });
    let mut states = client.states();
    // Where other threads are still at it, the end of the runtime takes a moment.
    let state = states.wait_for(is_closed).await.unwrap();
    let ConnectionState::Closed {
        reason: Some(reason),
    } = state
    else {
        panic!("{state:?}");
    };
    assert!(matches!(reason, DisconnectReason::TaskEnded), "{reason}");
    assert!(states.changed().await.is_none(), "there is nothing further");
    assert!(!client.is_connected());

    let error = client.object("a").call::<()>("b", &1).await.unwrap_err();
    assert!(matches!(error, CallError::Closed), "{error}");
    assert!(error.to_string().contains("runtime"), "{error}");
    let error = client.emit("e", &1).await.unwrap_err();
    assert!(matches!(error, RequestError::Closed), "{error}");
    let error = client.emit("e", &1).unconfirmed().await.unwrap_err();
    assert!(matches!(error, RequestError::Closed), "{error}");
    let error = client.listen("e").await.unwrap_err();
    assert!(matches!(error, RequestError::Closed), "{error}");
    let error = client.listen_pattern("e.*").await.unwrap_err();
    assert!(matches!(error, RequestError::Closed), "{error}");
    let object = client.register_fn("o", |_| async { Response::new(&1) });
    let error = object.await.unwrap_err();
    assert!(matches!(error, RequestError::Closed), "{error}");
    let error = client.wait_for_objects(["o"]).await.unwrap_err();
    assert!(
        matches!(error, WaitError::Request(RequestError::Closed)),
        "{error}"
    );
    let error = client.ping().await.unwrap_err();
    assert!(matches!(error, RequestError::Closed), "{error}");
    let error = client.flush().await.unwrap_err();
    assert!(matches!(error, RequestError::Closed), "{error}");
    client.close().await.unwrap();
    client.close().await.unwrap();
}

#[test]
fn a_client_whose_runtime_ended_before_its_task_ran_is_closed() {
    let server = start_server();
    for runtime in [current_thread, multi_thread] {
        for _ in 0..20 {
            let ended = runtime();
            let client = connect_in(&ended, &server);
            drop(ended);
            block_on(assert_gone(&client));
            current_thread().block_on(assert_gone(&client));
        }
    }
}

#[test]
fn what_waits_ends_with_the_runtime_that_the_client_was_made_in() {
    let server = start_server();
    for runtime in [current_thread, multi_thread] {
        let ended = runtime();
        let client = connect_in(&ended, &server);
        let silent = client.register_fn("silent", |_| std::future::pending());
        let registration = ended.block_on(silent.into_future()).unwrap();
        let mut subscription = ended.block_on(client.listen("e")).unwrap();

        let using = client.clone();
        let waiting = thread::spawn(move || {
            let client = using;
            block_on(async {
                let mut states = registration.states();
                let ended = |state: &RegistrationState| *state == RegistrationState::Ended;
                let absent = client.wait_for_objects(["absent"]);
                let (called, waited, event, state) = tokio::join!(
                    client.object("silent").call::<()>("m", &1).into_future(),
                    absent.into_future(),
                    subscription.recv(),
                    states.wait_for(ended),
                );
                assert!(called.unwrap_err().is_outcome_unknown());
                let error = waited.unwrap_err();
                assert!(
                    matches!(error, WaitError::Request(RequestError::Closed)),
                    "{error}"
                );
                assert!(event.is_none() && state.is_some());
                assert!(states.changed().await.is_none());
                let error = registration.unregister().await.unwrap_err();
                assert!(matches!(error, RequestError::Closed), "{error}");
            });
        });
        ended.block_on(async {
            let is_called = |client: &ClientInfo| client.calls_in == 1;
            while !client.clients().await.unwrap().iter().any(is_called) {}
        });
        drop(ended);
        waiting.join().unwrap();
        block_on(assert_gone(&client));
    }
}

/// A runtime that nobody drives, with a client in it whose requests have 50 ms.
fn standing_still(server: &Running) -> (Runtime, Client) {
    let runtime = current_thread();
    let address = server.addresses()[0].clone();
    let builder = Client::builder().address(address);
    let builder = builder.call_timeout(Some(Duration::from_millis(50)));
    let client = runtime.block_on(builder.connect()).unwrap();
    (runtime, client)
}

async fn assert_not_sent(client: &Client) {
    let error = client.object("a").call::<()>("b", &1).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent), "{error}");
    let error = client.emit("e", &1).await.unwrap_err();
    assert!(matches!(error, RequestError::NotSent), "{error}");
    let error = client.listen("e").await.unwrap_err();
    assert!(matches!(error, RequestError::NotSent), "{error}");
    let object = client.register_fn("o", |_| async { Response::new(&1) });
    let error = object.await.unwrap_err();
    assert!(matches!(error, RequestError::NotSent), "{error}");
    let wait = client.wait_for_objects(["o"]).timeout(Duration::ZERO);
    let error = wait.await.unwrap_err();
    assert!(
        matches!(error, WaitError::Request(RequestError::NotSent)),
        "{error}"
    );
    let error = client.ping().await.unwrap_err();
    assert!(matches!(error, RequestError::NotSent), "{error}");
    let error = client.flush().await.unwrap_err();
    assert!(matches!(error, RequestError::Timeout), "{error}");
}

#[test]
fn requests_end_at_their_timeouts_though_nobody_drives_the_runtime() {
    let server = start_server();
    let providing = multi_thread();
    let n_calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&n_calls);
    let provider = connect_in(&providing, &server);
    let object = provider.register_fn("a", move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Response::new(&1) }
    });
    let _registration = providing.block_on(object.into_future()).unwrap();
    let mut events = providing.block_on(provider.listen("e")).unwrap();
    let (runtime, client) = standing_still(&server);
    block_on(assert_not_sent(&client));
    current_thread().block_on(assert_not_sent(&client));
    // One without timers.
    let bare = Builder::new_current_thread().build().unwrap();
    bare.block_on(assert_not_sent(&client));

    // Driven again it works, and none of all that is done late.
    runtime.block_on(client.ping()).unwrap();
    providing.block_on(provider.ping()).unwrap();
    assert!(block_on(poll_immediate(events.recv())).is_none());
    assert_eq!(n_calls.load(Ordering::Relaxed), 0);
}

#[test]
fn a_call_that_was_written_ends_though_nobody_drives_the_runtime_any_more() {
    let server = start_server();
    let (runtime, client) = standing_still(&server);
    let silent = client.register_fn("silent", |_| std::future::pending());
    let _registration = runtime.block_on(silent.into_future()).unwrap();
    let call = client.object("silent").call::<()>("m", &1);
    let mut call = call.timeout(Duration::from_secs(1)).into_future();
    let (called, _) = runtime.block_on(async {
        // By the second answer, the call came before.
        tokio::join!(poll_immediate(&mut call), client.ping())
    });
    assert!(called.is_none());
    let error = block_on(call).unwrap_err();
    assert!(matches!(error, CallError::Timeout), "{error}");
}

#[test]
fn a_call_ends_though_the_only_worker_of_the_runtime_never_comes_back() {
    let server = start_server();
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().unwrap();
    let client = connect_in(&runtime, &server);
    let (release, released) = mpsc::channel::<()>();
    let (tell_held, held) = mpsc::channel();
    let holding = runtime.spawn(async move {
        tell_held.send(()).unwrap();
        released.recv()
    });
    held.recv().unwrap();
    runtime.shutdown_background();
    let call = client.object("a").call::<()>("b", &1);
    let error = block_on(call.timeout(Duration::from_millis(50)).into_future()).unwrap_err();
    assert!(
        matches!(error, CallError::NotSent | CallError::Closed),
        "{error}"
    );
    drop(release);
    block_on(assert_gone(&client));
    drop(holding);
}

#[test]
fn closing_ends_though_nobody_drives_the_runtime() {
    let server = start_server();
    let (runtime, client) = standing_still(&server);
    let mut states = client.states();
    let (one, other) = block_on(async { tokio::join!(client.close(), client.close()) });
    let error = one.and(other).unwrap_err();
    assert!(matches!(error, RequestError::Timeout), "{error}");
    assert!(!client.is_connected());
    let state = block_on(states.changed()).unwrap();
    assert!(
        matches!(state, ConnectionState::Closed { reason: None }),
        "{state:?}"
    );
    // The connection ends when the runtime is driven again, or dropped.
    let other = current_thread();
    let witness = other.block_on(connect(&server, "witness"));
    assert_eq!(other.block_on(witness.clients()).unwrap().len(), 2);
    while other.block_on(witness.clients()).unwrap().len() == 2 {
        runtime.block_on(tokio::task::yield_now());
    }
    assert!(!client.is_connected());
}

#[test]
fn a_call_without_a_connection_waits_in_any_executor() {
    let server = start_server();
    let runtime = multi_thread();
    let client = connect_in(&runtime, &server);
    server.stop().unwrap();
    let is_lost = |state: &ConnectionState| !matches!(state, ConnectionState::Connected);
    block_on(client.states().wait_for(is_lost)).unwrap();
    let call = client.object("a").call::<()>("b", &1);
    let error = block_on(call.timeout(Duration::from_millis(50)).into_future()).unwrap_err();
    assert!(matches!(error, CallError::NotSent), "{error}");
    block_on(client.close()).unwrap();
}

#[test]
fn a_waker_that_panics_keeps_nobody_elses_deadline_from_being_kept() {
    struct Panic;

    impl Wake for Panic {
        fn wake(self: Arc<Self>) {
            panic!("on purpose");
        }
    }

    let server = start_server();
    let (_runtime, client) = standing_still(&server);
    let mut call = client.object("a").call::<()>("b", &1).into_future();
    let waker = Waker::from(Arc::new(Panic));
    let polled = Pin::new(&mut call).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    for _ in 0..3 {
        let (_runtime, client) = standing_still(&server);
        let error = block_on(client.ping()).unwrap_err();
        assert!(matches!(error, RequestError::NotSent), "{error}");
    }
}
