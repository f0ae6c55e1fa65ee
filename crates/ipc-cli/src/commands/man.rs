//! `ipc man`: the command line as man pages.

use std::{fs, io, path::Path};

use anyhow::Context;
use clap::Command;
use clap_mangen::Man;

use crate::{exit::Usage, output::Output};

pub(crate) fn run(dir: Option<&Path>, output: &Output) -> anyhow::Result<()> {
    let mut command = crate::command().disable_help_subcommand(true);
    command.build();
    let Some(dir) = dir else {
        output.raw(&page(&command)?)?;
        return Ok(());
    };
    if !dir.is_dir() {
        return Err(Usage(format!("{} is not a directory", dir.display())).into());
    }
    for command in std::iter::once(&command).chain(command.get_subcommands()) {
        let path = dir.join(Man::new(command.clone()).get_filename());
        fs::write(&path, page(command)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        output.note(&path.display().to_string());
    }
    Ok(())
}

/// A page, with a section for each heading of the command's longer text.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone())
        .source(concat!("ipc ", env!("CARGO_PKG_VERSION")))
        .manual("ipc-server");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let text = command.get_after_long_help().or(command.get_after_help());
    page.extend_from_slice(sections(&text.map(ToString::to_string).unwrap_or_default()).as_bytes());
    Ok(page)
}

/// Indented lines keep their breaks; a line at the margin that ends with a colon begins a section.
fn sections(text: &str) -> String {
    let mut roff = String::new();
    let mut is_open = false;
    for line in text.lines() {
        let heading = line.strip_suffix(':').filter(|line| !line.starts_with(' '));
        if let Some(heading) = heading {
            if is_open {
                roff.push_str(".fi\n");
            }
            is_open = true;
            roff.push_str(&format!(".SH {}\n.nf\n", heading.to_uppercase()));
        } else if !line.is_empty() {
            // A full stop or a quote at the beginning of a line would be a request.
            roff.push_str("\\&");
            let line = line.strip_prefix("  ").unwrap_or(line);
            roff.push_str(
                &line
                    .replace('\\', "\\e")
                    .replace('-', "\\-")
                    .replace('\'', "\\(aq"),
            );
            roff.push('\n');
        }
    }
    if is_open {
        roff.push_str(".fi\n");
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_become_sections_and_lines_keep_their_breaks() {
        let roff = sections("Examples:\n  ipc list -n\n  .x\n\nExit codes:\n  0  all well");
        assert_eq!(
            roff,
            ".SH EXAMPLES\n.nf\n\\&ipc list \\-n\n\\&.x\n.fi\n\
             .SH EXIT CODES\n.nf\n\\&0  all well\n.fi\n"
        );
    }
}
