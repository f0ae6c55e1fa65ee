//! The commands, a file each.

mod call;
mod clients;
mod completions;
mod describe;
mod exec;
mod list;
mod listen;
mod man;
mod ping;
mod send;
mod serve;
mod stats;
mod wait;

use crate::{
    args::{Args, Command},
    output::Output,
};

/// Runs the command that was given.
pub(crate) async fn run(args: Args, output: &Output) -> anyhow::Result<()> {
    let global = &args.global;
    match args.command {
        Command::List(list) => list::run(list, global, output).await,
        Command::Call(call) => call::run(call, global, output).await,
        Command::Send(send) => send::run(send, global, output).await,
        Command::Listen(listen) => listen::run(listen, global, output).await,
        Command::Wait(wait) => wait::run(wait, global, output).await,
        Command::Serve(serve) => serve::run(serve, global, output).await,
        Command::Describe(describe) => describe::run(describe, global, output).await,
        Command::Clients(clients) => clients::run(clients, global, output).await,
        Command::Stats(timeout) => stats::run(timeout, global, output).await,
        Command::Ping(ping) => ping::run(ping, global, output).await,
        Command::Completions { shell } => completions::run(shell, output),
        Command::Man { dir } => man::run(dir.as_deref(), output),
    }
}
