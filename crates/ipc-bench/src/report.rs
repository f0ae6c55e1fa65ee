//! `docs/performance.md` and its plots, made from a results file.

mod losses;
mod plots;
mod targets;

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Context;

use crate::{results::Results, table};

pub use targets::{Judged, Verdict, judge};

/// Written by hand, and included as it is.
const NOTES: &str = "performance/notes.md";

/// The works in the order of the page: their names, titles, and what a reader has to know.
const SECTIONS: [(&str, &str, &str); 9] = [
    (
        "latency",
        "One call at a time",
        "One caller waits for each answer before it calls again. The time is from the call to \
         its answer, both of which pass the broker.",
    ),
    (
        "calls",
        "Many calls at a time",
        "So many callers × so many calls in flight of each. The provider, one connection, answers \
         with the payload. With the raw relay each caller has a provider's connection of its own.",
    ),
    (
        "fanout",
        "Events",
        "One publisher; the rate is of deliveries. \"One at a time\": the next event is sent when \
         the last listener has the one before, and the times are of that.",
    ),
    (
        "syscalls",
        "System calls",
        "Of the broker's process, per call with its answer or per delivery. They were counted in \
         rounds of their own, by what the last table names; strace slows brokers down so much that \
         they batch more. A broker that looks for the next message instead of sleeping, as \
         ours does with one call in flight, pays for each look.",
    ),
    (
        "library",
        "Library to library",
        "The same calls by the Rust clients that applications use: ipc-client, async-nats, zbus, \
         zenoh. The clients' own cost is the larger part of it. zenoh's is a process of its own, \
         with the one thread that drives the calls and one of zenoh's.",
    ),
    (
        "idle",
        "Idle connections",
        "Memory of the broker's process per connection, without the kernel's, and its CPU while \
         nothing is said.",
    ),
    (
        "isolation",
        "Beside a hog",
        "A small call, alone and at once after that beside somebody who sends 16 MiB after 16 MiB \
         to somebody else. Sender and receiver of the large messages are a process of their own, \
         which the scheduler lets run only while caller and provider have nothing to do: what is \
         added to the call's time is the broker's doing, but for what the raw relay adds too. What \
         the hog got through meanwhile stands beside it.",
    ),
    (
        "churn",
        "Short visits",
        "Connect, hello, one call, close, one after the other; figures are per visit.",
    ),
    (
        "growth",
        "Growth",
        "The same small messages while the broker has more and more to keep in mind. All objects \
         are called, and all subscriptions and patterns met, in turn.",
    ),
];

/// Writes `performance.md` and `performance/*.svg` below `docs`.
///
/// # Errors
///
/// A file cannot be written.
pub fn write(results: &Results, docs: &Path) -> anyhow::Result<()> {
    let plots = plots::draw(results);
    let directory = docs.join("performance");
    fs::create_dir_all(&directory)?;
    for plot in &plots {
        let path = directory.join(format!("{}.svg", plot.name));
        fs::write(&path, &plot.svg).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let notes = fs::read_to_string(docs.join(NOTES)).unwrap_or_default();
    let path = docs.join("performance.md");
    let page = page(results, &plots, &notes)?;
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
}

fn page(results: &Results, plots: &[plots::Plot], notes: &str) -> anyhow::Result<String> {
    let mut page = "# Performance\n\n<!-- made by `cargo xtask bench --report`; what is written \
                    by hand is in performance/notes.md -->\n\n"
        .to_owned();
    page += "Every broker was measured in one run, with the same load and in turn, round after \
             round; the broker had one core and the load the other. A figure is the median of the \
             rounds, with the smallest and the largest round in brackets, and behind × its ratio \
             to ours over the same transport. Rates on a shared machine vary; the broker's CPU \
             per message, user and system time of all its threads, is the steadiest figure.\n";
    if results.is_quick {
        page += "\n**These figures are of a quick run: few rounds, short ones. They are rough.**\n";
    }
    page += "\n## Targets\n\n";
    page += &targets::table(results)?;
    for plot in plots {
        write!(page, "\n![{}](performance/{}.svg)\n", plot.title, plot.name)?;
    }
    for (work, title, text) in SECTIONS {
        let cases = results.cases.iter().filter(|case| case.work == work);
        for (i, case) in cases.enumerate() {
            if i == 0 {
                write!(page, "\n## {title}\n\n{text}\n")?;
            }
            write!(page, "\n**{}**\n\n{}", case.load, table::markdown(case))?;
        }
    }
    page += "\n## What we lose\n\n";
    page += &losses::list(results)?;
    if !notes.is_empty() {
        write!(page, "\n{}\n", notes.trim_end())?;
    }
    write!(page, "\n{}", circumstances(results)?)?;
    Ok(page)
}

/// The machine, the versions, the commands, and what was left out.
fn circumstances(results: &Results) -> anyhow::Result<String> {
    let machine = &results.machine;
    let mut text = format!(
        "## How it was measured\n\n{}, {} cores, {}. To repeat it:\n\n```sh\n\
         cargo xtask bench --setup\ncargo xtask bench{}\n\
         cargo xtask bench --report target/bench/results.json\n```\n\n\
         | peer | version | started as |\n|---|---|---|\n",
        machine.cpu,
        machine.n_cores,
        machine.kernel,
        if results.is_quick { " --quick" } else { "" },
    );
    for (peer, version) in &results.versions {
        let command = results.commands.get(peer).map_or("–", String::as_str);
        writeln!(
            text,
            "| {peer} | {version} | `{}` |",
            without_places(command)
        )?;
    }
    if !results.skipped.is_empty() {
        text += "\nNot measured:\n\n";
        for skipped in &results.skipped {
            writeln!(text, "- {skipped}")?;
        }
    }
    Ok(text)
}

/// A command without the directories of the machine that it ran on.
fn without_places(command: &str) -> String {
    let words = command.split(' ').map(|word| {
        let Some((place, name)) = word.rsplit_once('/').filter(|_| !word.contains("://")) else {
            return word.to_owned();
        };
        let kind = place.split_once(':').map_or("", |(kind, _)| kind);
        let colon = if kind.is_empty() { "" } else { ":" };
        format!("{kind}{colon}{name}")
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_without_places() {
        let command =
            "/opt/x/ipc-server --listen unix:/tmp/.a/7.sock --listen tcp://127.0.0.1:1 -c";

        assert_eq!(
            without_places(command),
            "ipc-server --listen unix:7.sock --listen tcp://127.0.0.1:1 -c"
        );
    }
}
