//! How the commands reach the server.

use std::{future::pending, time::Duration};

use anyhow::Context;
use ipc_client::{
    Builder, CallError, Client, Code, ConnectionState, Listing, RawJson, Reconnect, RequestError,
};

use crate::{args::Global, exit::Lost, output::Output, patience::Patience};

/// As many events as the library's bound by size lets through; a pipe may pause for a while.
const EVENT_BUFFER: usize = 64 * 1024;

/// Nobody wants to wait longer to learn that there is no server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects for one request, which may take as long as `patience` says.
pub(crate) async fn connect_once(
    global: &Global,
    command: &str,
    patience: Patience,
) -> anyhow::Result<Client> {
    let timeout = patience.duration();
    let connect_timeout = timeout.map_or(CONNECT_TIMEOUT, |timeout| timeout.min(CONNECT_TIMEOUT));
    let builder = builder(global, command)
        .call_timeout(timeout)
        .connect_timeout(connect_timeout)
        .reconnect(Reconnect::never());
    Ok(builder.connect().await?)
}

/// Sets up a connection that is made again when it is lost.
pub(crate) fn builder(global: &Global, command: &str) -> Builder {
    let builder = Client::builder()
        .name(format!("ipc {command}"))
        .connect_timeout(CONNECT_TIMEOUT)
        .event_buffer(EVENT_BUFFER);
    match &global.address {
        Some(address) => builder.address(address.clone()),
        None => builder,
    }
}

/// Asks for the next page of a list; the entries are as the server wrote them.
pub(crate) async fn next_page(
    client: &Client,
    method: &str,
    listing: &mut Listing<RawJson>,
) -> anyhow::Result<Option<Vec<RawJson>>> {
    match listing.next_page().await {
        Ok(page) => Ok(page),
        Err(
            RequestError::Unsupported
            | RequestError::Refused {
                code: Some(Code::MethodNotFound),
                ..
            },
        ) => Err(RequestError::Unsupported)
            .with_context(|| format!("{} does not know '{method}'", client.address())),
        Err(error) => Err(explain(client, error.into()).await),
    }
}

/// Asks the server itself and returns its response as it was written.
pub(crate) async fn ask(
    client: &Client,
    method: &str,
    param: Option<RawJson>,
) -> anyhow::Result<RawJson> {
    if client.is_seed() {
        return Err(RequestError::Unsupported)
            .with_context(|| format!("{} does not know '{method}'", client.address()));
    }
    let response = client.object("ipc").call_raw(method, param).await;
    match response {
        Ok(response) => Ok(response),
        // What is not registered is what was asked about, not the server.
        Err(CallError::MethodNotFound { .. }) => Err(RequestError::Unsupported)
            .with_context(|| format!("{} does not know '{method}'", client.address())),
        Err(error) => Err(explain(client, error.into()).await),
    }
}

/// Says why the connection was lost where a request says only that it was.
pub(crate) async fn explain(client: &Client, error: anyhow::Error) -> anyhow::Error {
    let is_lost = matches!(
        error.downcast_ref(),
        Some(CallError::Disconnected | CallError::Closed)
    ) || matches!(
        error.downcast_ref(),
        Some(RequestError::Disconnected | RequestError::Closed)
    );
    if !is_lost {
        return error;
    }
    // The state follows the end of the requests at once.
    let is_over = |state: &ConnectionState| !matches!(state, ConnectionState::Connected);
    match client.states().wait_for(is_over).await {
        Some(
            ConnectionState::Disconnected { reason }
            | ConnectionState::Closed {
                reason: Some(reason),
            },
        ) => error.context(reason.to_string()),
        _ => error,
    }
}

/// Reports how the connection fares; ends when it is closed for good.
pub(crate) async fn watch(client: &Client, output: &Output) -> Lost {
    let mut states = client.states();
    let mut is_connected = true;
    let mut state = states.current();
    loop {
        match state {
            ConnectionState::Connected if !is_connected => {
                is_connected = true;
                output
                    .without_blocking(|output| output.warn("connected again"))
                    .await;
            }
            ConnectionState::Disconnected { reason } if is_connected => {
                is_connected = false;
                let warning = format!("{reason}; connecting again");
                output
                    .without_blocking(move |output| output.warn(&warning))
                    .await;
            }
            ConnectionState::Closed { reason } => return Lost(reason),
            _ => {}
        }
        state = match states.changed().await {
            Some(state) => state,
            None => pending().await,
        };
    }
}
