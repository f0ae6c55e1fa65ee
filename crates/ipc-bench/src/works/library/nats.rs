//! NATS: async-nats.

use anyhow::Context;
use async_nats::Client;
use futures_util::StreamExt;
use tokio::task::JoinHandle;

use super::Shared;
use crate::{library::Library, peers::Peer};

pub(super) struct AsyncNats {
    callers: Vec<Client>,
    shared: Shared,
    provider: JoinHandle<()>,
}

impl AsyncNats {
    pub(super) async fn connect(peer: &Peer, shared: Shared) -> anyhow::Result<Self> {
        let address = peer.site.addresses[0].to_string().replace("tcp:", "nats:");
        let client = async_nats::connect(&address).await?;
        let mut requests = client.subscribe(shared.object).await?;
        client.flush().await?;
        let provider = tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                if let Some(inbox) = request.reply
                    && client.publish(inbox, request.payload).await.is_err()
                {
                    return;
                }
            }
        });
        let mut callers = Vec::new();
        for _ in 0..shared.n_callers {
            callers.push(async_nats::connect(&address).await?);
        }
        Ok(Self {
            callers,
            shared,
            provider,
        })
    }
}

impl Library for AsyncNats {
    async fn call(&self, caller: usize) -> anyhow::Result<()> {
        let payload = self.shared.payload.clone().into();
        let call = self.callers[caller].request(self.shared.object, payload);
        call.await.context("a request failed")?;
        Ok(())
    }
}

impl Drop for AsyncNats {
    fn drop(&mut self) {
        self.provider.abort();
    }
}
