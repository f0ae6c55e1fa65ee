//! Ours: `ipc-client`.

use std::future::{Ready, ready};

use anyhow::Context;
use ipc_client::{Client, Object, ObjectError, RawJson, Registration, Request, Response};

use super::{Shared, blocking::Blocking};
use crate::{
    library::{Library, payload},
    peers::Peer,
};

/// The object that the waiting form calls.
const NAME: &str = "bench-waiting";

pub(super) struct Ours {
    /// The object, as each caller has it.
    objects: Vec<Object>,
    param: RawJson,
    _provider: (Client, Registration),
}

impl Ours {
    pub(super) async fn connect(peer: &Peer, shared: Shared) -> anyhow::Result<Self> {
        let provider = connect(peer).await?;
        let registration = provider.register(shared.object, echo).await?;
        let mut objects = Vec::new();
        for _ in 0..shared.n_callers {
            objects.push(connect(peer).await?.object(shared.object));
        }
        Ok(Self {
            objects,
            param: RawJson::from_text(String::from_utf8(shared.payload)?)?,
            _provider: (provider, registration),
        })
    }
}

impl Library for Ours {
    async fn call(&self, caller: usize) -> anyhow::Result<()> {
        let call = self.objects[caller].call_raw("m", Some(self.param.clone()));
        call.await.context("a call failed")?;
        Ok(())
    }
}

/// The client for programs without async; its provider answers in the thread that drives the
/// provider's connection.
pub(super) struct Waiting {
    object: ipc_client::blocking::Object,
    param: RawJson,
    _provider: ipc_client::blocking::Registration,
}

impl Waiting {
    pub(super) fn connect(peer: &Peer) -> anyhow::Result<Self> {
        let address = || anyhow::Ok(peer.site.addresses[0].to_string().parse()?);
        let connect = || anyhow::Ok(Client::builder().address(address()?).connect_blocking()?);
        let provider = connect()?.register(NAME, echo).wait()?;
        let text = String::from_utf8(payload())?;
        Ok(Self {
            object: connect()?.object(NAME),
            param: RawJson::from_text(text)?,
            _provider: provider,
        })
    }
}

impl Blocking for Waiting {
    fn call(&mut self) -> anyhow::Result<()> {
        let call = self.object.call_raw("m", Some(self.param.clone()));
        call.wait().context("a call failed")?;
        Ok(())
    }
}

/// Answers with the argument, which is not read for that.
fn echo(request: Request) -> Ready<Result<Response, ObjectError>> {
    let param = request.into_raw_param().unwrap_or_default();
    ready(Ok(Response::raw(param)))
}

async fn connect(peer: &Peer) -> anyhow::Result<Client> {
    let address = peer.site.addresses[0].to_string().parse()?;
    Ok(Client::builder().address(address).connect().await?)
}
