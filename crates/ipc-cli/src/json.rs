//! JSON text, laid out and coloured for people, without reading its values: what is shown is what
//! was sent, digit for digit.

use std::borrow::Cow;

use owo_colors::{OwoColorize, Style};

use crate::escape::escape;

/// How much room JSON takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Layout {
    /// All on one line, with a space after commas and colons.
    Line,
    /// A line for each element.
    Pretty,
}

/// The text on one line: as it is, unless it spans several.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(['\n', '\r']) {
        return Cow::Borrowed(text.trim());
    }
    // White space between tokens is all that may hold a line break.
    Cow::Owned(Tokens(text).map(Token::text).collect())
}

/// Valid JSON, made to be shown on a terminal. Escapes that the text needs for that are added;
/// colours are always there, and whoever prints removes them where they are not wanted.
pub(crate) fn show(text: &str, layout: Layout) -> String {
    let mut shown = String::with_capacity(text.len() * 2);
    let mut writer = Writer {
        out: &mut shown,
        layout,
        depth: 0,
        previous: None,
    };
    let mut tokens = Tokens(text).peekable();
    while let Some(token) = tokens.next() {
        let next = tokens.peek().copied();
        writer.push(token, next);
    }
    shown
}

/// As [`show`], but with no white space added: still JSON for a program, once colours are off.
pub(crate) fn paint(text: &str) -> String {
    let mut painted = String::with_capacity(text.len() * 2);
    let mut tokens = Tokens(text).peekable();
    while let Some(token) = tokens.next() {
        token.push_to(&mut painted, tokens.peek().copied());
    }
    painted
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Token<'a> {
    Open(&'a str),
    Close(&'a str),
    Comma,
    Colon,
    String(&'a str),
    /// A number or a word.
    Scalar(&'a str),
}

impl<'a> Token<'a> {
    const fn text(self) -> &'a str {
        match self {
            Self::Open(text) | Self::Close(text) | Self::String(text) | Self::Scalar(text) => text,
            Self::Comma => ",",
            Self::Colon => ":",
        }
    }

    fn push_to(self, out: &mut String, next: Option<Token<'_>>) {
        out.push_str(&escape(self.text()).style(self.style(next)).to_string());
    }

    fn style(self, next: Option<Token<'_>>) -> Style {
        match self {
            Self::String(_) if next == Some(Token::Colon) => Style::new().cyan(),
            Self::String(_) => Style::new().green(),
            Self::Scalar(text) if text.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                Style::new().magenta()
            }
            Self::Scalar(_) => Style::new().yellow(),
            Self::Open(_) | Self::Close(_) | Self::Comma | Self::Colon => Style::new(),
        }
    }
}

/// The tokens of valid JSON; nothing is checked, and nothing panics on what is not valid.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let text = self.0.trim_start();
        let length = match text.chars().next()? {
            '"' => string_length(text),
            c @ ('{' | '}' | '[' | ']' | ',' | ':') => c.len_utf8(),
            _ => text
                .find(|c: char| c.is_whitespace() || "{}[],:\"".contains(c))
                .unwrap_or(text.len()),
        };
        let (token, rest) = text.split_at(length);
        self.0 = rest;
        Some(match token {
            "{" | "[" => Token::Open(token),
            "}" | "]" => Token::Close(token),
            "," => Token::Comma,
            ":" => Token::Colon,
            string if string.starts_with('"') => Token::String(string),
            scalar => Token::Scalar(scalar),
        })
    }
}

/// The length of the string that the text begins with, its quotes included.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !is_escaped => return at + 1,
            b'\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

struct Writer<'a> {
    out: &'a mut String,
    layout: Layout,
    depth: usize,
    previous: Option<Token<'a>>,
}

impl<'a> Writer<'a> {
    fn push(&mut self, token: Token<'a>, next: Option<Token<'a>>) {
        let is_empty_so_far = matches!(self.previous, Some(Token::Open(_)));
        match token {
            Token::Close(_) => {
                self.depth = self.depth.saturating_sub(1);
                if !is_empty_so_far {
                    self.break_line();
                }
            }
            _ if is_empty_so_far => self.break_line(),
            _ => {}
        }
        match self.previous {
            Some(Token::Comma) if self.layout == Layout::Pretty => self.break_line(),
            Some(Token::Comma | Token::Colon) => self.out.push(' '),
            _ => {}
        }
        if matches!(token, Token::Open(_)) {
            self.depth += 1;
        }
        self.previous = Some(token);
        token.push_to(self.out, next);
    }

    fn break_line(&mut self) {
        if self.layout == Layout::Pretty {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", self.depth));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str, layout: Layout) -> String {
        anstream::adapter::strip_str(&show(text, layout)).to_string()
    }

    #[test]
    fn pretty_json_keeps_every_digit_and_the_order_of_keys() {
        let json = r#"{"b":[1.10,{"x":null}],"a":{},"e":[],"s":"q\"{,}"}"#;
        let expected = "\
{
  \"b\": [
    1.10,
    {
      \"x\": null
    }
  ],
  \"a\": {},
  \"e\": [],
  \"s\": \"q\\\"{,}\"
}";
        assert_eq!(plain(json, Layout::Pretty), expected);
        assert_eq!(
            plain(json, Layout::Line),
            r#"{"b": [1.10, {"x": null}], "a": {}, "e": [], "s": "q\"{,}"}"#
        );
        assert_eq!(
            plain(" 12345678901234567890.50 ", Layout::Pretty),
            "12345678901234567890.50"
        );
    }

    #[test]
    fn keys_and_values_have_their_colours() {
        assert_eq!(
            show(r#"{"a":"b"}"#, Layout::Line),
            "{\x1b[36m\"a\"\x1b[0m: \x1b[32m\"b\"\x1b[0m}"
        );
        assert_eq!(paint("[1,true]"), "[\x1b[33m1\x1b[0m,\x1b[35mtrue\x1b[0m]");
    }

    #[test]
    fn what_drives_a_terminal_is_escaped_and_the_json_stays_the_same() {
        let json = "[\"\u{9b}2J\u{202e}\", \"\u{7f}\"]";
        let shown = plain(json, Layout::Line);
        assert_eq!(shown, r#"["\u009b2J\u202e", "\u007f"]"#);
        let read = |text: &str| serde_json::from_str::<Vec<String>>(text).unwrap();
        assert_eq!(read(&shown), read(json));
    }

    #[test]
    fn several_lines_become_one_and_one_line_stays_as_it_is() {
        assert_eq!(one_line("{\n  \"a b\": [1,\r\n 2]\n}"), r#"{"a b":[1,2]}"#);
        assert!(matches!(
            one_line("{ \"a\" : 1 }"),
            Cow::Borrowed("{ \"a\" : 1 }")
        ));
    }

    #[test]
    fn nothing_that_is_not_json_panics() {
        for text in ["", "\"", "\"\\", "]]]", "{", "é\"é", "}{,:"] {
            show(text, Layout::Pretty);
            paint(text);
            one_line(&format!("\n{text}"));
        }
    }
}
