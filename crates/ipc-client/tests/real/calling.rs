//! Calls, and everything that can become of them.

use std::{
    future,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::poll_immediate;
use ipc_client::{CallError, Client, Code, Methods, Mode, ObjectError, RequestError, WaitError};
use tokio::sync::{Notify, mpsc};

use super::{connect, start_server};

#[tokio::test]
async fn a_typed_call_comes_back_with_its_response() {
    let server = start_server();
    let (provider, caller) = (
        connect(&server, "provider").await,
        connect(&server, "caller").await,
    );
    let calc = Methods::new()
        .on("add", |(a, b): (i64, i64)| async move { Ok(a + b) })
        .on("fail", |(): ()| async move {
            Err::<(), _>(ObjectError::new(&["why", "not"]))
        });
    let registration = provider.register("calc", calc).await.unwrap();

    let calc = caller.object("calc");
    assert_eq!(calc.call::<i64>("add", &(1, 2)).await.unwrap(), 3);
    let error = calc.call::<()>("fail", &()).await.unwrap_err();
    let CallError::Remote(error) = error else {
        panic!("{error}")
    };
    assert_eq!(error.as_str(), r#"["why","not"]"#);
    let error = calc.call::<()>("dance", &()).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::MethodNotFound));

    registration.unregister().await.unwrap();
    let error = calc.call::<i64>("add", &(1, 2)).await.unwrap_err();
    assert!(matches!(error, CallError::ObjectNotFound { .. }), "{error}");
}

#[tokio::test]
async fn many_calls_travel_together_and_each_gets_its_own_response() {
    let server = start_server();
    let (provider, caller) = (
        connect(&server, "provider").await,
        connect(&server, "caller").await,
    );
    let double = Methods::new().on("double", |n: u64| async move {
        tokio::task::yield_now().await;
        Ok(n * 2)
    });
    let _registration = provider.register("calc", double).await.unwrap();
    let calls = (0..2000).map(|n| {
        let caller = caller.clone();
        tokio::spawn(async move { caller.object("calc").call::<u64>("double", &n).await })
    });
    for (n, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap(), 2 * n as u64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn across_threads_every_call_is_answered_whatever_others_give_up() {
    let server = start_server();
    let (provider, caller) = (
        connect(&server, "provider").await,
        connect(&server, "caller").await,
    );
    // Some are answered in place, some later, some compute for so long that they get tasks.
    let object = Methods::new().on("double", |n: u64| async move {
        for _ in 0..n % 3 {
            tokio::task::yield_now().await;
        }
        let start = Instant::now();
        while n.is_multiple_of(100) && start.elapsed() < Duration::from_micros(200) {}
        Ok(n * 2)
    });
    let _registration = provider.register("calc", object).await.unwrap();
    let calling = (0..16).map(|_| {
        let calc = caller.object("calc");
        tokio::spawn(async move {
            for n in 0..300 {
                let call = calc.call::<u64>("double", &n).into_future();
                if n % 7 == 0 {
                    drop(poll_immediate(call).await);
                } else {
                    assert_eq!(call.await.unwrap(), 2 * n);
                }
            }
        })
    });
    for task in calling.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(caller.stats().await.unwrap()["calls_open"], 0);
}

/// A provider that tells when it is asked and when its handler is dropped.
async fn never_answers(
    client: &Client,
) -> (mpsc::Receiver<&'static str>, ipc_client::Registration) {
    let (tell, told) = mpsc::channel(4);
    let slow = Methods::new().on("wait", move |(): ()| {
        let tell = tell.clone();
        async move {
            struct Dropped(mpsc::Sender<&'static str>);
            impl Drop for Dropped {
                fn drop(&mut self) {
                    self.0.try_send("dropped").unwrap();
                }
            }
            tell.send("asked").await.unwrap();
            let _dropped = Dropped(tell);
            future::pending::<()>().await;
            Ok(())
        }
    });
    (told, client.register("slow", slow).await.unwrap())
}

#[tokio::test]
async fn a_timeout_ends_the_call_and_the_providers_work() {
    let server = start_server();
    let (provider, caller) = (
        connect(&server, "provider").await,
        connect(&server, "caller").await,
    );
    let (mut told, _registration) = never_answers(&provider).await;
    let call = caller.object("slow").call::<()>("wait", &());
    let error = call.timeout(Duration::from_millis(30)).await.unwrap_err();
    assert!(
        matches!(error, CallError::Timeout) && error.is_outcome_unknown(),
        "{error}"
    );
    assert_eq!(told.recv().await, Some("asked"));
    assert_eq!(told.recv().await, Some("dropped"));
}

#[tokio::test]
async fn dropping_a_call_cancels_it() {
    let server = start_server();
    let (provider, caller) = (
        connect(&server, "provider").await,
        connect(&server, "caller").await,
    );
    let (mut told, _registration) = never_answers(&provider).await;
    let call = tokio::spawn({
        let caller = caller.clone();
        async move { caller.object("slow").call::<()>("wait", &()).await }
    });
    assert_eq!(told.recv().await, Some("asked"));
    call.abort();
    assert_eq!(told.recv().await, Some("dropped"));
    assert_eq!(caller.stats().await.unwrap()["calls_open"], 0);
}

#[tokio::test]
async fn a_provider_that_leaves_answers_its_calls() {
    let server = start_server();
    let (provider, caller) = (
        connect(&server, "provider").await,
        connect(&server, "caller").await,
    );
    let (mut told, _registration) = never_answers(&provider).await;
    let call = tokio::spawn({
        let caller = caller.clone();
        async move { caller.object("slow").call::<()>("wait", &()).await }
    });
    assert_eq!(told.recv().await, Some("asked"));
    provider.close().await.unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert!(
        matches!(error, CallError::ProviderGone) && error.is_outcome_unknown(),
        "{error}"
    );
}

#[tokio::test]
async fn a_panic_in_a_handler_is_an_error_of_that_call_alone() {
    let server = start_server();
    let (provider, caller) = (
        connect(&server, "provider").await,
        connect(&server, "caller").await,
    );
    let fragile = Methods::new()
        .on("break", |(): ()| async move {
            assert!(future::ready(false).await, "it broke");
            Ok(())
        })
        .on("work", |(): ()| async move { Ok("works") });
    let _registration = provider.register("fragile", fragile).await.unwrap();
    let fragile = caller.object("fragile");
    let error = fragile.call::<()>("break", &()).await.unwrap_err();
    assert!(matches!(error, CallError::Remote(_)), "{error}");
    assert_eq!(fragile.call::<String>("work", &()).await.unwrap(), "works");
}

#[tokio::test]
async fn a_name_can_be_shared_taken_over_and_stood_by_for() {
    let server = start_server();
    let (first, second) = (
        connect(&server, "first").await,
        connect(&server, "second").await,
    );
    let named =
        |name: &'static str| Methods::new().on("who", move |(): ()| async move { Ok(name) });
    let _one = first
        .register("shared", named("first"))
        .mode(Mode::Shared)
        .await
        .unwrap();
    let _two = second
        .register("shared", named("second"))
        .mode(Mode::Shared)
        .await
        .unwrap();
    let mut asked = Vec::new();
    for _ in 0..4 {
        asked.push(
            first
                .object("shared")
                .call::<String>("who", &())
                .await
                .unwrap(),
        );
    }
    asked.sort_unstable();
    assert_eq!(asked, ["first", "first", "second", "second"]);

    let _held = first.register("held", named("first")).await.unwrap();
    let refused = second.register("held", named("second")).await.unwrap_err();
    assert!(
        matches!(
            refused,
            RequestError::Refused {
                code: Some(Code::NameTaken),
                ..
            }
        ),
        "{refused}"
    );
    let _taken = second
        .register("held", named("second"))
        .mode(Mode::Replace)
        .await
        .unwrap();
    assert_eq!(
        first
            .object("held")
            .call::<String>("who", &())
            .await
            .unwrap(),
        "second"
    );
    let described = first.describe("held").await.unwrap();
    assert_eq!(described.providers[0].name.as_deref(), Some("second"));
}

#[tokio::test]
async fn waiting_ends_when_the_objects_are_there_or_names_what_is_missing() {
    let server = start_server();
    let (provider, waiter) = (
        connect(&server, "provider").await,
        connect(&server, "waiter").await,
    );
    let wait = waiter
        .wait_for_objects(["late", "later"])
        .timeout(Duration::from_millis(30));
    let error = wait.await.unwrap_err();
    let WaitError::Missing(missing) = error else {
        panic!("{error}")
    };
    assert_eq!(missing, ["late", "later"]);

    let is_waiting = Arc::new(Notify::new());
    let wait = tokio::spawn({
        let (waiter, is_waiting) = (waiter.clone(), Arc::clone(&is_waiting));
        async move {
            is_waiting.notify_one();
            waiter.wait_for_objects(["late", "later"]).await
        }
    });
    is_waiting.notified().await;
    let object = || Methods::new().on("m", |(): ()| async move { Ok(()) });
    let _late = provider.register("late", object()).await.unwrap();
    let _later = provider.register("later", object()).await.unwrap();
    wait.await.unwrap().unwrap();
}
