//! The value that a command line gives: JSON, `key=value…`, `-`, `@file`, or text.
//!
//! JSON goes out as it was written: numbers digit for digit, keys in their order. What is given as
//! text is a JSON string, whatever it looks like.

mod advice;
mod pairs;
mod source;

pub(crate) use self::source::{MAX_BYTES, text_of};

use ipc_client::RawJson;

use self::source::Source;
use crate::{args::Text, exit::Usage};

/// Reads the words that stand where a value may, or the text that stands for them; none when there
/// is neither.
pub(crate) fn read(words: &[String], text: &Text) -> Result<Option<RawJson>, Usage> {
    if let Some(text) = &text.string {
        return string(text).map(Some);
    }
    if let Some(path) = &text.string_file {
        return string(&Source::new(path)?.read_text()?).map(Some);
    }
    if words.iter().any(|word| word.starts_with('\u{feff}')) {
        return Err(Usage(
            "the argument begins with a byte order mark; save the file that it is from as UTF-8 \
             without one, or cut it off with 'tail -c +4'"
                .to_owned(),
        ));
    }
    if !text.field.is_empty() {
        return pairs::read(words, &text.field).map(Some);
    }
    match words {
        [] => Ok(None),
        [word] => read_word(word).map(Some),
        words => pairs::read(words, &[]).map(Some),
    }
}

/// Reads JSON where text makes no sense: written out, from standard input (`-`) or from a file
/// (`@file`). `name` is what an error calls it.
pub(crate) fn read_json(name: &str, word: &str) -> Result<RawJson, Usage> {
    match Source::named(word) {
        Some(source) => source?.read_json(),
        None => parse(name, word),
    }
}

/// Reads a value that is one word.
fn read_word(word: &str) -> Result<RawJson, Usage> {
    let as_text = |Usage(message)| Usage(format!("{message} ({})", advice::as_text(word)));
    if let Some(source) = Source::named(word) {
        let source = source.map_err(as_text)?;
        let json = source.read_value();
        // It may be the name of a person, rather than of a file.
        return if source.exists() {
            json
        } else {
            json.map_err(as_text)
        };
    }
    if looks_like_json(word) {
        let json = parse("the argument", word);
        return if is_meant_as_json(word) {
            json
        } else {
            json.map_err(as_text)
        };
    }
    pairs::read(&[word.to_owned()], &[])
}

/// With a bracket or a quote it is, even if it is broken.
fn is_meant_as_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[', '"'])
}

/// Reads JSON text; `name` is what an error calls it.
pub(crate) fn parse(name: &str, text: &str) -> Result<RawJson, Usage> {
    RawJson::from_text(text.trim_end())
        .map_err(|error| Usage(format!("{name} is not JSON: {error}")))
}

/// A JSON string.
pub(crate) fn string(text: &str) -> Result<RawJson, Usage> {
    RawJson::new(text).map_err(|error| Usage(error.to_string()))
}

/// Whether a word is meant as JSON: then it is never taken for `key=value`.
fn looks_like_json(word: &str) -> bool {
    let word = word.trim();
    let unsigned = word.strip_prefix('-').unwrap_or(word);
    word.starts_with(['{', '[', '"'])
        // A number has no '=' in it, a key such as '2fa' may begin with a digit.
        || (unsigned.starts_with(|c: char| c.is_ascii_digit()) && !word.contains('='))
        || matches!(word, "true" | "false" | "null")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_line(line: &[&str]) -> Result<String, String> {
        read_with(line, Text::default())
    }

    fn read_with(line: &[&str], text: Text) -> Result<String, String> {
        let words: Vec<_> = line.iter().map(|&word| word.to_owned()).collect();
        match read(&words, &text) {
            Ok(param) => Ok(param.map_or_else(String::new, |param| param.to_string())),
            Err(Usage(message)) => Err(message),
        }
    }

    #[test]
    fn json_stays_as_it_was_written() {
        for json in [
            r#"{"b":1.10,"a":12345678901234567890123}"#,
            "[1, 2]",
            "\"x=y\"",
            "-5",
            "21.50",
            "true",
            "null",
        ] {
            assert_eq!(read_line(&[json]).unwrap(), json);
        }
        assert_eq!(read_line(&[]).unwrap(), "");
    }

    #[test]
    fn text_is_a_string_whatever_it_looks_like() {
        for text in [
            "hi",
            "",
            "007",
            "null",
            "true",
            "a=b",
            "@x",
            "-",
            "{\"a\":1}",
            "\"q\"",
            "é\n",
        ] {
            let string = Text {
                string: Some(text.to_owned()),
                ..Text::default()
            };
            let json = serde_json::Value::from(text).to_string();
            assert_eq!(read_with(&[], string).unwrap(), json);
            let field = Text {
                field: vec![format!("k={text}")],
                ..Text::default()
            };
            assert_eq!(
                read_with(&["a=1"], field).unwrap(),
                format!("{{\"a\":1,\"k\":{json}}}")
            );
        }
    }

    #[test]
    fn what_is_no_value_is_said_in_one_line_with_what_to_write() {
        for (line, expected) in [
            (
                &["{\"a\":}"][..],
                "the argument is not JSON: expected value at line 1 column 6",
            ),
            (
                &["12x"],
                "not JSON: trailing characters at line 1 column 3 (as text, write -s 12x)",
            ),
            (&["007"], "(as text, write -s 007)"),
            (
                &["hello"],
                "'hello' is neither JSON nor key=value (as text, write -s hello)",
            ),
            (&["it's me"], r"(as text, write -s 'it'\''s me')"),
            (&["=1"], "'=1' is neither"),
            (&["a=1", "a=2"], "the key 'a' is given twice"),
            (&["@/does/not/exist"], "cannot read /does/not/exist: "),
            (
                &["@/does/not/exist"],
                "(as text, write -s @/does/not/exist)",
            ),
            (&["@"], "a file name is missing after '@'"),
        ] {
            let message = read_line(line).unwrap_err();
            assert!(message.contains(expected), "{message}");
            assert!(!message.contains('\n'));
        }
    }

    #[test]
    fn several_values_are_named_as_what_they_are() {
        for (line, expected) in [
            (
                &["1", "2"][..],
                "there are 2 values, and one is sent; an array is written '[1,2]'",
            ),
            (
                &["1", "{\"a\": 1}", "null"],
                "there are 3 values, and one is sent; an array is written '[1,{\"a\": 1},null]'",
            ),
            (
                &["hello", "world"],
                "there are 2 values, and one is sent; text of several words is written \
                 -s 'hello world'",
            ),
            (&["a=1", "{}"], "'{}' is not key=value, as other values are"),
            (&["a=1", "-"], "'-' must be the only value"),
            (&["@a", "@b"], "'@a' must be the only value"),
            (
                &["{\"a\":\"x=y\"}", "b=1"],
                "is not key=value, as other values are",
            ),
        ] {
            let message = read_line(line).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
