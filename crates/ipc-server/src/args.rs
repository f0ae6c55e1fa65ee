//! The command line and the environment of `ipc-server`.

use clap::Parser;
use ipc_server::{Address, Limits};

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
    /// unix:PATH; may be given several times
    ///
    /// Without it: tcp://HOST:PORT of ENV_SERVER_ADDRESS if that is set, else tcp://127.0.0.1:1986
    /// and unix:$XDG_RUNTIME_DIR/ipc.sock (without XDG_RUNTIME_DIR, ipc.sock in a directory of the
    /// user's own below the temporary directory).
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Vec<Address>,

    /// How many clients may be connected at a time
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    pub(crate) max_connections: usize,

    /// How many of them one user may have, over Unix sockets
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections_per_user)]
    pub(crate) max_connections_per_user: usize,

    /// How many microseconds to look for the next message without sleeping while messages follow
    /// each other closely; 0 for never
    #[arg(long, value_name = "MICROSECONDS", default_value_t = 50)]
    pub(crate) busy_poll: u64,

    /// What to log: error, warn, info, debug, trace, or a filter such as ipc_server=debug
    #[arg(long, value_name = "LEVEL", env = "IPC_LOG")]
    pub(crate) log: Option<String>,
}

impl Args {
    /// Where to listen; empty for the defaults.
    pub(crate) fn addresses(&self) -> anyhow::Result<Vec<Address>> {
        if !self.listen.is_empty() {
            return Ok(self.listen.clone());
        }
        match std::env::var("ENV_SERVER_ADDRESS") {
            Ok(seed) if !seed.is_empty() => {
                let address = Address::from_host_port(&seed).map_err(|_not_an_address| {
                    anyhow::anyhow!("ENV_SERVER_ADDRESS is {seed:?}; write HOST:PORT")
                })?;
                Ok(vec![address])
            }
            _ => Ok(Vec::new()),
        }
    }

    /// What peers may use.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.connections = self.max_connections;
        limits.connections_per_user = self.max_connections_per_user;
        limits
    }

    /// What to log, by the command line, `IPC_LOG` or, as in the seed, `RUST_LOG`.
    pub(crate) fn log_filter(&self) -> String {
        let rust_log = || {
            std::env::var("RUST_LOG")
                .ok()
                .filter(|filter| !filter.is_empty())
        };
        self.log
            .clone()
            .or_else(rust_log)
            .unwrap_or_else(|| "info".to_owned())
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
}
