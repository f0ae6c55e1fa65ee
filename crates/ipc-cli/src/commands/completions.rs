//! `ipc completions`: the command line, for shells.

use clap_complete::Shell;

use crate::output::Output;

pub(crate) fn run(shell: Shell, output: &Output) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut crate::command(), "ipc", &mut script);
    output.raw(&script)?;
    Ok(())
}
