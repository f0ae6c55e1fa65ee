//! What is logged: a level, or a filter by parts of the server.
//!
//! A level that is misspelt reads like the name of a part, and a filter that names nothing of this
//! server would silence all of its log, errors included. So the one is refused, and the other only
//! changes the default.

use std::str::FromStr;

use tracing_subscriber::filter::LevelFilter;

/// What all that is logged is a part of.
const SERVER: &str = "ipc_server";

/// What is logged unless something else is said.
const DEFAULT: &str = "info";

/// A filter that concerns this server; none when it says nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LogFilter(Option<String>);

/// Why a text is no filter.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum InvalidFilter {
    #[error("'{0}' is not a log level; {ADVICE}")]
    Level(String),
    #[error("'{level}' in '{directive}' is not a log level; {ADVICE}")]
    LevelOf { level: String, directive: String },
    #[error("'{0}' is not a part of this server, which is ipc_server; {ADVICE}")]
    Target(String),
}

const ADVICE: &str = "--log and IPC_LOG take error, warn, info, debug, trace, off, or a filter \
                      such as warn,ipc_server::hub=debug";

impl LogFilter {
    /// Takes from a variable that other programs read, too, what concerns this server.
    ///
    /// # Errors
    ///
    /// [`InvalidFilter`] when what names this server has a wrong level.
    pub(crate) fn from_shared(text: &str) -> Result<Self, InvalidFilter> {
        let mut own = Vec::new();
        for directive in directives(text) {
            match check(directive) {
                Ok(()) => own.push(directive),
                Err(wrong @ InvalidFilter::LevelOf { .. }) => return Err(wrong),
                // It is for somebody else.
                Err(InvalidFilter::Level(_) | InvalidFilter::Target(_)) => {}
            }
        }
        Ok(Self::of(&own))
    }

    fn of(directives: &[&str]) -> Self {
        Self((!directives.is_empty()).then(|| directives.join(",")))
    }

    /// The directives as `tracing` reads them. What they do not speak of is logged by default.
    pub(crate) fn directives(&self) -> String {
        match &self.0 {
            None => DEFAULT.to_owned(),
            // Of two levels the last one counts.
            Some(own) => format!("{DEFAULT},{own}"),
        }
    }

    /// Whether it says nothing.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl FromStr for LogFilter {
    type Err = InvalidFilter;

    fn from_str(text: &str) -> Result<Self, InvalidFilter> {
        directives(text).try_for_each(check)?;
        Ok(Self::of(&directives(text).collect::<Vec<_>>()))
    }
}

fn directives(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|directive| !directive.is_empty())
}

/// Checks a level, a target, or both as `target=level`. The server has no spans to filter by.
fn check(directive: &str) -> Result<(), InvalidFilter> {
    let Some((target, level)) = directive.split_once('=') else {
        return if is_level(directive) || is_own(directive) {
            Ok(())
        } else {
            Err(InvalidFilter::Level(directive.to_owned()))
        };
    };
    if !is_own(target) {
        return Err(InvalidFilter::Target(target.to_owned()));
    }
    if !is_level(level) {
        return Err(InvalidFilter::LevelOf {
            level: level.to_owned(),
            directive: directive.to_owned(),
        });
    }
    Ok(())
}

fn is_level(word: &str) -> bool {
    !word.is_empty() && LevelFilter::from_str(word).is_ok()
}

/// Whether a target is the server or a part of it.
fn is_own(target: &str) -> bool {
    let part = target.strip_prefix(SERVER);
    part.is_some_and(|part| part.is_empty() || part.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_parts_of_the_server_are_filters() {
        for (text, directives) in [
            ("info", "info,info"),
            ("Warn", "info,Warn"),
            ("TRACE", "info,TRACE"),
            ("off", "info,off"),
            ("3", "info,3"),
            (
                " warn , ipc_server::hub=debug,",
                "info,warn,ipc_server::hub=debug",
            ),
            ("ipc_server", "info,ipc_server"),
            ("", "info"),
            (" ,", "info"),
        ] {
            let filter: LogFilter = text.parse().unwrap();
            assert_eq!(filter.directives(), directives, "{text}");
        }
    }

    #[test]
    fn a_level_that_is_none_and_a_part_of_another_program_are_refused() {
        for (text, expected) in [
            ("verbose", "'verbose' is not a log level"),
            ("inf", "'inf' is not a log level"),
            ("debug,hyper", "'hyper' is not a log level"),
            ("6", "'6' is not a log level"),
            ("[span]", "'[span]' is not a log level"),
            (
                "ipc_server=dbug",
                "'dbug' in 'ipc_server=dbug' is not a log level",
            ),
            (
                "warn,ipc_server::hub=",
                "'' in 'ipc_server::hub=' is not a log level",
            ),
            ("hyper=debug", "'hyper' is not a part of this server"),
            (
                "ipc_sever=debug",
                "'ipc_sever' is not a part of this server",
            ),
            ("ipc_server_x=info", "is not a part of this server"),
            ("ipc_server[x]=info", "is not a part of this server"),
            ("=info", "'' is not a part of this server"),
        ] {
            let message = text.parse::<LogFilter>().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
            assert!(
                message.contains("error, warn, info, debug, trace"),
                "{message}"
            );
        }
    }

    #[test]
    fn of_a_shared_variable_only_what_concerns_the_server_counts() {
        for (text, directives) in [
            ("debug", "info,debug"),
            ("warn,hyper=debug", "info,warn"),
            ("my_app=trace,sqlx", "info"),
            ("verbose", "info"),
            ("", "info"),
            ("my_app=verbose,ipc_server=debug", "info,ipc_server=debug"),
        ] {
            let filter = LogFilter::from_shared(text).unwrap();
            assert_eq!(filter.directives(), directives, "{text}");
        }
        assert!(LogFilter::from_shared("ipc_server=dbug").is_err());
    }
}
