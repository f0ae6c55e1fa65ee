//! Names on the command line that look like patterns.
//!
//! A name with a wildcard that is taken as a name hears nothing, reaches nobody, or is waited for
//! indefinitely, and all of that in silence. So it is taken as a pattern where there are patterns,
//! and refused where there are none, unless `--literal` says that it is a name.

use std::path::Path;

use ipc_client::{InvalidPattern, Pattern};

use crate::{args::Literal, exit::Usage};

/// Returns whether a name would hear more than itself, or was meant to.
fn looks_like_pattern(name: &str) -> bool {
    match Pattern::new(name) {
        Ok(_) => name.contains(['*', '>']),
        Err(error) => !matches!(error, InvalidPattern::Name(_)),
    }
}

/// Checks that a name of an object is not meant as a pattern.
pub(crate) fn check_object(name: &str, literal: Literal) -> Result<(), Usage> {
    if literal.literal || !looks_like_pattern(name) {
        return Ok(());
    }
    Err(Usage(format!(
        "'{name}' looks like a pattern, and objects are found by their names alone; 'ipc list' \
         shows them (--literal takes '{name}' as a name)"
    )))
}

/// Checks that an event is not sent to a pattern.
pub(crate) fn check_event(name: &str, literal: Literal) -> Result<(), Usage> {
    if literal.literal || !looks_like_pattern(name) {
        return Ok(());
    }
    Err(Usage(format!(
        "cannot send '{name}': it looks like a pattern, and an event is sent under one name; \
         patterns are for 'ipc listen' (--literal takes '{name}' as a name)"
    )))
}

/// What is listened to.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) is_pattern: bool,
}

impl Topic {
    /// Tells names from patterns; a pattern that is not valid is refused.
    pub(crate) fn new(name: String, is_pattern: bool, literal: Literal) -> Result<Self, Usage> {
        let is_pattern = is_pattern || (!literal.literal && looks_like_pattern(&name));
        if is_pattern {
            Pattern::new(&name).map_err(|error| refusal(&name, &error))?;
        }
        Ok(Self { name, is_pattern })
    }
}

fn refusal(name: &str, error: &InvalidPattern) -> Usage {
    let advice = match error {
        InvalidPattern::Name(_) => String::new(),
        _ => format!(" (--literal takes '{name}' as a name)"),
    };
    Usage(format!("cannot listen to '{name}': {error}{advice}"))
}

/// Tells who listens to `events` that a shell has probably changed what was written.
pub(crate) fn shell_note(events: &[String], is_pattern: bool) -> Option<String> {
    // What a shell makes of `log.>` is `log.`, and a file for the output.
    if let Some(name) = events.iter().find(|name| name.ends_with('.')) {
        return Some(format!(
            "'{name}' ends with a dot; if it was a pattern, quote it: '{name}>'"
        ));
    }
    let files = named_files(events, if is_pattern { 1 } else { 2 })?;
    Some(format!(
        "{files}; if it was a pattern, quote it, for a shell writes the names of the files in its \
         place"
    ))
}

/// The same to who waits for objects, which have no patterns.
pub(crate) fn shell_note_on_objects(objects: &[String]) -> Option<String> {
    let files = named_files(objects, 2)?;
    Some(format!(
        "{files}, which a shell writes in the place of a pattern; objects are found by their names \
         alone"
    ))
}

/// Says which names are those of files, unless there are fewer than so many.
fn named_files(names: &[String], n_suspicious: usize) -> Option<String> {
    let is_file = |name: &&String| Path::new(name.as_str()).symlink_metadata().is_ok();
    let files: Vec<_> = names.iter().filter(is_file).collect();
    let first = files.first().filter(|_| n_suspicious <= files.len())?;
    Some(match files.len() - 1 {
        0 => format!("'{first}' is the name of a file here"),
        1 => format!("'{first}' and another argument are names of files here"),
        n_others => format!("'{first}' and {n_others} other arguments are names of files here"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Literal = Literal { literal: true };
    const ANY: Literal = Literal { literal: false };

    #[test]
    fn a_name_with_a_wildcard_is_a_pattern_unless_it_is_literal() {
        let is_pattern = |name: &str, is_pattern, literal| {
            let topic = Topic::new(name.to_owned(), is_pattern, literal).unwrap();
            assert_eq!(topic.name, name);
            topic.is_pattern
        };
        for name in ["*", ">", "room.*", "room.>", "*.temp"] {
            assert!(is_pattern(name, false, ANY), "{name}");
            assert!(!is_pattern(name, false, NAME), "{name}");
        }
        for name in ["room", "room.temp", "a-b", "c++", "#1", "list[3]", "a+b"] {
            assert!(!is_pattern(name, false, ANY), "{name}");
            assert!(is_pattern(name, true, ANY), "{name}");
        }
    }

    #[test]
    fn what_looks_like_a_pattern_is_neither_sent_nor_an_object() {
        for name in ["*", "room.*", "room.>", ">.a", "room*"] {
            for check in [check_event, check_object] {
                let Usage(message) = check(name, ANY).unwrap_err();
                assert!(message.contains("--literal"), "{message}");
                assert!(check(name, NAME).is_ok(), "{name}");
            }
        }
        for name in ["room", "c#", "a.b", ""] {
            assert!(check_event(name, ANY).is_ok(), "{name}");
            assert!(check_object(name, ANY).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_a_shell_leaves_of_a_pattern_is_noted() {
        let note = |events: &[&str], is_pattern| {
            let events: Vec<_> = events.iter().map(|&name| name.to_owned()).collect();
            shell_note(&events, is_pattern)
        };
        assert_eq!(note(&["temp", "log"], false), None);
        assert_eq!(note(&["src"], false), None, "it may well be an event");
        assert!(note(&["src"], true).is_some());
        assert!(note(&["src", "temp", "Cargo.toml"], false).is_some());
        assert!(note(&["log."], false).unwrap().ends_with("'log.>'"));
        let objects = |names: [&str; 2]| shell_note_on_objects(&names.map(str::to_owned));
        assert!(objects(["src", "Cargo.toml"]).is_some());
        assert_eq!(objects(["src", "calc"]), None);
    }
}
