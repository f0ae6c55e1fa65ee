//! An object is a queryable, a call a query: provider and callers are clients of the router.

use anyhow::{Context, Error};
use ipc_bench::library::{Library, payload};
use tokio::sync::oneshot;
use zenoh::{
    Config, Session, Wait,
    bytes::ZBytes,
    query::{ConsolidationMode, Querier, Query, Queryable},
};

const OBJECT: &str = "bench";

pub(crate) struct Zenoh {
    // Dropped before the sessions that they belong to.
    callers: Vec<Querier<'static>>,
    _provider: Queryable<()>,
    _sessions: Vec<Session>,
    payload: ZBytes,
}

impl Zenoh {
    pub(crate) fn connect(address: &str, n_callers: usize) -> anyhow::Result<Self> {
        let connect = || open("client", ("connect", address));
        let session = connect()?;
        let provider = session.declare_queryable(OBJECT).complete(true);
        let provider = provider.callback(answer).wait();
        let provider = provider.map_err(Error::from_boxed)?;
        let mut sessions = vec![session];
        let mut callers = Vec::new();
        for _ in 0..n_callers {
            let session = connect()?;
            // The answer is handed on when it comes, not when no other can come any more.
            let caller = session.declare_querier(OBJECT);
            let caller = caller.consolidation(ConsolidationMode::None).wait();
            callers.push(caller.map_err(Error::from_boxed)?);
            sessions.push(session);
        }
        Ok(Self {
            callers,
            _provider: provider,
            _sessions: sessions,
            payload: payload().into(),
        })
    }
}

impl Library for Zenoh {
    async fn call(&self, caller: usize) -> anyhow::Result<()> {
        let (answered, answer) = oneshot::channel();
        let mut answered = Some(answered);
        let call = self.callers[caller].get().payload(self.payload.clone());
        // Cheaper than a channel of zenoh's own by a twelfth of the call.
        let call = call.callback_mut(move |reply| {
            // Nobody waits any more if that fails.
            answered.take().map(|answered| answered.send(reply).ok());
        });
        call.wait().map_err(Error::from_boxed)?;
        let answer = answer.await.context("a call is not answered")?;
        answer.into_result()?;
        Ok(())
    }
}

/// Answers where the query arrives.
fn answer(query: Query) {
    let payload = query.payload().cloned().unwrap_or_default();
    // The caller says so when it is not answered.
    query.reply(query.key_expr(), payload).wait().ok();
}

/// Opens a session that connects to an address or listens there, and looks for nobody else.
pub(crate) fn open(mode: &str, (way, address): (&str, &str)) -> anyhow::Result<Session> {
    let address = address.replace("tcp://", "tcp/");
    let config = format!(
        r#"{{
            mode: "{mode}",
            {way}: {{ endpoints: ["{address}"] }},
            scouting: {{ multicast: {{ enabled: false }}, gossip: {{ enabled: false }} }},
        }}"#
    );
    let config = Config::from_json5(&config).map_err(Error::from_boxed)?;
    zenoh::open(config).wait().map_err(Error::from_boxed)
}
