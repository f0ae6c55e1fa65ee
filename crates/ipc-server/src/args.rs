//! The command line and the environment of `ipc-server`.

use std::time::Duration;

use anyhow::Context;
use clap::{Parser, value_parser};
use ipc_server::{Address, Limits};

use crate::log_filter::LogFilter;

/// The smallest `--max-message-bytes`: a hello with the longest name fits.
const MIN_MESSAGE_BYTES: i64 = 4096;

/// The longest `--drain`: a day, after which nobody waits for a server to stop.
const MAX_DRAIN_SECONDS: u64 = 24 * 60 * 60;

/// The message bus for the processes of one machine, spoken with a line of JSON.
///
/// Prints one line per address to standard output when it is ready, such as
/// "listening on tcp://127.0.0.1:1986"; logs go to standard error. Neither has to be
/// read.
#[derive(Debug, Parser)]
#[command(
    name = "ipc-server",
    version,
    after_help = "Examples:\n  \
        ipc-server\n  \
        ipc-server --listen tcp://127.0.0.1:0 --listen unix:/run/user/1000/app.sock\n  \
        IPC_LOG=debug ipc-server"
)]
pub(crate) struct Args {
    /// Where to listen, instead of the defaults: tcp://HOST:PORT (port 0 picks a free one) or
    /// unix:PATH, or HOST:PORT or /PATH for short; may be given several times
    ///
    /// Without it: tcp://HOST:PORT of ENV_SERVER_ADDRESS if that is set, else tcp://127.0.0.1:1986
    /// and unix:$XDG_RUNTIME_DIR/ipc.sock (where that is not a directory of this user,
    /// ipc-UID/ipc.sock below the temporary directory). Of the addresses that a host name stands
    /// for, those that this machine does not have are left out.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Vec<Address>,

    #[command(flatten)]
    limits: LimitArgs,

    /// How many microseconds to look for the next message without sleeping while messages follow
    /// each other closely; 0 for never
    #[arg(long, value_name = "MICROSECONDS", default_value_t = 50)]
    pub(crate) busy_poll: u64,

    /// What to log: error, warn, info, debug, trace, off, or a filter such as
    /// warn,ipc_server::hub=debug
    ///
    /// Without it: what RUST_LOG says of this server. What is not spoken of is logged from info on.
    #[arg(long, value_name = "LEVEL", env = "IPC_LOG")]
    pub(crate) log: Option<LogFilter>,
}

impl Args {
    /// Where to listen; empty for the defaults.
    pub(crate) fn addresses(&self) -> anyhow::Result<Vec<Address>> {
        if !self.listen.is_empty() {
            return Ok(self.listen.clone());
        }
        match std::env::var("ENV_SERVER_ADDRESS") {
            Ok(seed) if !seed.is_empty() => {
                let address = Address::from_host_port(&seed).map_err(|invalid| {
                    anyhow::anyhow!("ENV_SERVER_ADDRESS is {seed:?}; {}", invalid.problem())
                })?;
                Ok(vec![address])
            }
            _ => Ok(Vec::new()),
        }
    }

    /// What peers may use.
    pub(crate) fn limits(&self) -> Limits {
        self.limits.limits()
    }

    /// What to log, by the command line, `IPC_LOG` or, as in the seed, `RUST_LOG`.
    pub(crate) fn log_filter(&self) -> anyhow::Result<LogFilter> {
        match &self.log {
            Some(filter) if !filter.is_empty() => Ok(filter.clone()),
            _ => {
                let shared = std::env::var("RUST_LOG").unwrap_or_default();
                LogFilter::from_shared(&shared).context("RUST_LOG")
            }
        }
    }
}

/// The limits that the operator of a server may want to change.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// How many clients may be connected at a time
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    max_connections: usize,

    /// How many of them one user may have, over Unix sockets
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections_per_user)]
    max_connections_per_user: usize,

    /// How many objects one connection may register, and wait for in one request
    #[arg(long, value_name = "N", default_value_t = Limits::default().names)]
    max_objects: usize,

    /// How many events and patterns one connection may listen to
    #[arg(long, value_name = "N", default_value_t = Limits::default().subscriptions)]
    max_subscriptions: usize,

    /// How many calls and waits of one connection may be in flight
    #[arg(long, value_name = "N", default_value_t = Limits::default().requests)]
    max_requests: usize,

    /// How long one message may be
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = u32::try_from(Limits::default().message_bytes).unwrap_or(u32::MAX),
        value_parser = value_parser!(u32).range(MIN_MESSAGE_BYTES..)
    )]
    max_message_bytes: u32,

    /// How much may be queued for one connection that does not read; one message always may
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().outbox_bytes)]
    max_outbox_bytes: usize,

    /// How much may be queued for all connections together
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().queued_bytes)]
    max_queued_bytes: usize,

    /// How long calls in flight may go on when the server stops
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = Limits::default().drain.as_secs(),
        value_parser = value_parser!(u64).range(..=MAX_DRAIN_SECONDS)
    )]
    drain: u64,
}

impl LimitArgs {
    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.connections = self.max_connections;
        limits.connections_per_user = self.max_connections_per_user;
        limits.names = self.max_objects;
        limits.wait_names = self.max_objects;
        limits.subscriptions = self.max_subscriptions;
        limits.requests = self.max_requests;
        // A message that cannot be counted on this machine cannot be held by it either.
        limits.message_bytes = usize::try_from(self.max_message_bytes).unwrap_or(usize::MAX);
        limits.outbox_bytes = self.max_outbox_bytes;
        // The longest message has to fit into what all connections share.
        limits.queued_bytes = self.max_queued_bytes.max(limits.message_bytes);
        limits.unfinished_bytes = limits.unfinished_bytes.max(limits.message_bytes);
        limits.drain = Duration::from_secs(self.drain);
        limits
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_options_the_limits_are_the_defaults() {
        let args = Args::parse_from(["ipc-server"]);
        assert_eq!(
            format!("{:?}", args.limits()),
            format!("{:?}", Limits::default())
        );
    }
}
