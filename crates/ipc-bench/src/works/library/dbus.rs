//! D-Bus: zbus.

use anyhow::Context;
use zbus::{Connection, connection};

use super::{Shared, blocking::Blocking};
use crate::{
    library::{Library, payload},
    peers::Peer,
};

const PATH: &str = "/bench";
const NAME: &str = "bench.Library";

pub(super) struct Zbus {
    callers: Vec<Connection>,
    payload: String,
    _provider: Connection,
}

struct Echo;

#[zbus::interface(name = "bench.Library")]
impl Echo {
    #[expect(clippy::unused_self, reason = "the interface wants a method")]
    fn m(&self, param: String) -> String {
        param
    }
}

impl Zbus {
    pub(super) async fn connect(peer: &Peer, shared: Shared) -> anyhow::Result<Self> {
        let provider = builder(peer)?
            .name(NAME)?
            .serve_at(PATH, Echo)?
            .build()
            .await?;
        let mut callers = Vec::new();
        for _ in 0..shared.n_callers {
            callers.push(builder(peer)?.build().await?);
        }
        Ok(Self {
            callers,
            payload: String::from_utf8(shared.payload)?,
            _provider: provider,
        })
    }
}

impl Library for Zbus {
    async fn call(&self, caller: usize) -> anyhow::Result<()> {
        let body = &self.payload;
        let call = self.callers[caller].call_method(Some(NAME), PATH, Some(NAME), "M", body);
        call.await.context("a method call failed")?;
        Ok(())
    }
}

/// zbus with calls that wait.
pub(super) struct Waiting {
    caller: zbus::blocking::Connection,
    payload: String,
    _provider: zbus::blocking::Connection,
}

impl Waiting {
    pub(super) fn connect(peer: &Peer) -> anyhow::Result<Self> {
        let address = address(peer);
        let builder = || zbus::blocking::connection::Builder::address(address.as_str());
        let provider = builder()?.name(NAME)?.serve_at(PATH, Echo)?.build()?;
        Ok(Self {
            caller: builder()?.build()?,
            payload: String::from_utf8(payload())?,
            _provider: provider,
        })
    }
}

impl Blocking for Waiting {
    fn call(&mut self) -> anyhow::Result<()> {
        let body = &self.payload;
        let call = self
            .caller
            .call_method(Some(NAME), PATH, Some(NAME), "M", body);
        call.context("a method call failed")?;
        Ok(())
    }
}

fn builder(peer: &Peer) -> anyhow::Result<connection::Builder<'static>> {
    Ok(connection::Builder::address(address(peer).as_str())?)
}

fn address(peer: &Peer) -> String {
    let address = peer.site.addresses[0].to_string();
    address.replace("unix:", "unix:path=")
}
