//! How the commands reach the server.

use std::{
    future::{Future, pending},
    time::Duration,
};

use ipc_client::{
    Builder, CallError, Client, Code, ConnectError, ConnectionState, Listing, RawJson, Reconnect,
    RequestError, default_addresses,
};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    args::{Global, Timeout},
    exit::Lost,
    output::Output,
    patience::Patience,
};

/// As many events as the library's bound by size lets through; a pipe may pause for a while.
const EVENT_BUFFER: usize = 64 * 1024;

/// Nobody wants to wait longer to learn that there is no server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a server that is there may need to answer, on a machine under load.
pub(crate) const LEAST_TIME: Duration = Duration::from_secs(1);

/// From when on somebody is told that the server is waited for.
const WAITING_NOTE_AFTER: Duration = Duration::from_millis(300);

/// A connection for one request, and what the command line gives it of time.
#[derive(Debug)]
pub(crate) struct Once {
    pub(crate) client: Client,
    /// When the first answer has to be there; none is without end.
    deadline: Option<Instant>,
}

/// Connects for one request. If the command line gives it time, the server may come within it.
pub(crate) async fn connect_once(
    global: &Global,
    command: &str,
    timeout: Timeout,
    output: &Output,
) -> anyhow::Result<Once> {
    let start = Instant::now();
    let for_answer = timeout.for_answer();
    let for_attempt = for_answer.map_or(CONNECT_TIMEOUT, |time| time.min(CONNECT_TIMEOUT));
    let builder = builder(global, command)
        .call_timeout(for_answer)
        .connect_timeout(for_attempt)
        .reconnect(Reconnect::never());
    let client = connect(builder, timeout.timeout, global, output).await?;
    Ok(Once {
        client,
        deadline: for_answer.and_then(|time| start.checked_add(time)),
    })
}

/// Connects, if need be when the server comes: within the time that was given, else not at all.
/// It is said once that the server is waited for.
pub(crate) async fn connect(
    builder: Builder,
    patience: Option<Patience>,
    global: &Global,
    output: &Output,
) -> Result<Client, ConnectError> {
    let start = Instant::now();
    let reason = match builder.clone().connect().await {
        Ok(client) => return Ok(client),
        Err(reason) => reason,
    };
    let left = match patience.map(Patience::duration) {
        None => return Err(reason),
        Some(None) => None,
        Some(Some(time)) => match time.checked_sub(start.elapsed()) {
            Some(left) if !left.is_zero() => Some(round_up(left)),
            _ => return Err(reason),
        },
    };
    let connecting = builder.wait_for_server(left).connect();
    tokio::pin!(connecting);
    // What waiting cannot mend ends it at once.
    if let Ok(connected) = timeout(WAITING_NOTE_AFTER, &mut connecting).await {
        return connected;
    }
    let addresses = match &global.address {
        Some(address) => vec![address.clone()],
        // What is wrong with them is what connecting ends with.
        None => default_addresses().unwrap_or_default(),
    };
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let note = format!("waiting for a server at {}", addresses.join(", "));
    output
        .without_blocking(move |output| output.note(&note))
        .await;
    connecting.await
}

/// To a hundredth of a second: an error says it.
fn round_up(time: Duration) -> Duration {
    let hundredths = time.as_millis().div_ceil(10);
    u64::try_from(hundredths).map_or(time, |hundredths| Duration::from_millis(hundredths * 10))
}

impl Once {
    /// What is left of the time; none is without end.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        self.deadline.map(left)
    }

    /// Waits for the first answer, of which there may be several, within the time that is left. The
    /// others have all of it: what a person does meanwhile, in a pager, is not counted.
    pub(crate) async fn within<T>(
        &mut self,
        request: impl Future<Output = Result<T, RequestError>>,
    ) -> Result<T, RequestError> {
        match self.deadline.take() {
            None => request.await,
            Some(deadline) => match timeout_at(deadline, request).await {
                Ok(answer) => answer,
                Err(_elapsed) => Err(RequestError::Timeout),
            },
        }
    }

    /// Asks for the next page of a list; the entries are as the server wrote them.
    pub(crate) async fn next_page(
        &mut self,
        method: &str,
        listing: &mut Listing<RawJson>,
    ) -> anyhow::Result<Option<Vec<RawJson>>> {
        match self.within(listing.next_page()).await {
            Ok(page) => Ok(page),
            Err(
                RequestError::Unsupported
                | RequestError::Refused {
                    code: Some(Code::MethodNotFound),
                    ..
                },
            ) => Err(self.unsupported(method)),
            Err(error) => Err(explain(&self.client, error.into()).await),
        }
    }

    /// Asks the server itself and returns its response as it was written.
    pub(crate) async fn ask(
        &self,
        method: &str,
        param: Option<RawJson>,
    ) -> anyhow::Result<RawJson> {
        if self.client.is_seed() {
            return Err(self.unsupported(method));
        }
        let mut call = self.client.object("ipc").call_raw(method, param);
        if let Some(left) = self.time_left() {
            call = call.timeout(left);
        }
        match call.await {
            Ok(response) => Ok(response),
            // What is not registered is what was asked about, not the server.
            Err(CallError::MethodNotFound { .. }) => Err(self.unsupported(method)),
            Err(error) => Err(explain(&self.client, error.into()).await),
        }
    }

    fn unsupported(&self, method: &str) -> anyhow::Error {
        let address = self.client.address();
        anyhow::Error::new(RequestError::Unsupported)
            .context(format!("{address} does not know '{method}'"))
    }
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

/// Sets up a connection for a command whose time begins once the server is reached: a short one
/// leaves [`LEAST_TIME`] for that.
pub(crate) fn builder_within(global: &Global, command: &str, time: Option<Duration>) -> Builder {
    let for_attempt = time.map_or(CONNECT_TIMEOUT, |time| {
        time.clamp(LEAST_TIME, CONNECT_TIMEOUT)
    });
    builder(global, command).connect_timeout(for_attempt)
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
