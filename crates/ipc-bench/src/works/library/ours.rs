//! Ours: `ipc-client`.

use anyhow::Context;
use ipc_client::{Client, RawJson, Registration, Request, Response};

use super::{Library, Shared};
use crate::peers::Peer;

pub(super) struct Ours {
    callers: Vec<Client>,
    shared: Shared,
    param: RawJson,
    _provider: (Client, Registration),
}

impl Ours {
    pub(super) async fn connect(peer: &Peer, shared: Shared) -> anyhow::Result<Self> {
        let provider = connect(peer).await?;
        let registration = provider
            .register_fn(shared.object, |request: Request| async move {
                Response::new(&request.raw_param())
            })
            .await?;
        let mut callers = Vec::new();
        for _ in 0..shared.n_callers {
            callers.push(connect(peer).await?);
        }
        let param = RawJson::from_text(String::from_utf8(shared.payload.clone())?)?;
        Ok(Self {
            callers,
            shared,
            param,
            _provider: (provider, registration),
        })
    }
}

impl Library for Ours {
    async fn call(&self, caller: usize) -> anyhow::Result<()> {
        let object = self.callers[caller].object(self.shared.object);
        let call = object.call_raw("m", Some(self.param.clone()));
        call.await.context("a call failed")?;
        Ok(())
    }
}

async fn connect(peer: &Peer) -> anyhow::Result<Client> {
    let address = peer.site.addresses[0].to_string().parse()?;
    Ok(Client::builder().address(address).connect().await?)
}
