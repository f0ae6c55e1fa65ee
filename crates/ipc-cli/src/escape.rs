//! Text from peers, made harmless for a terminal.
//!
//! A name or a payload may hold control characters, which drive a terminal, and marks that turn
//! the direction of writing or hide text, which lie to its reader. Both are shown as `\u001b`:
//! the form that JSON has for them, so that escaped JSON is still the same JSON.

use std::borrow::Cow;

/// Whether a terminal must not get this character from a stranger.
pub(crate) fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061c}' // Arabic letter mark
            | '\u{180e}'
            | '\u{200b}' // zero width space; the joiners beside it are part of writing
            | '\u{200e}'..='\u{200f}' // direction marks
            | '\u{2028}'..='\u{202e}' // line and paragraph separators, embeddings and overrides
            | '\u{2060}'..='\u{206f}' // invisible operators, isolates
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}' // tags
        )
}

/// The text with every harmful character escaped.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        push(&mut escaped, c);
    }
    Cow::Owned(escaped)
}

fn push(escaped: &mut String, c: char) {
    match c {
        '\n' => escaped.push_str("\\n"),
        '\r' => escaped.push_str("\\r"),
        '\t' => escaped.push_str("\\t"),
        c if is_harmful(c) => {
            for unit in c.encode_utf16(&mut [0; 2]).iter() {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
        c => escaped.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_is_shown_instead() {
        for (text, shown) in [
            ("\x1b[2J\x1b]0;title\x07", r"\u001b[2J\u001b]0;title\u0007"),
            ("a\nb\r\tc", r"a\nb\r\tc"),
            ("\u{9b}31m\u{7f}", r"\u009b31m\u007f"),
            ("user\u{202e}gpj.exe", r"user\u202egpj.exe"),
            ("\u{2066}x\u{2069}\u{feff}", r"\u2066x\u2069\ufeff"),
            ("\u{e0041}", r"\udb40\udc41"),
        ] {
            assert_eq!(escape(text), shown);
        }
    }

    #[test]
    fn writing_of_any_language_stays() {
        for text in ["Zürich 東京 שלום", "👩‍🚀", "نمی‌خواهم", "C:\\temp"] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
        }
    }
}
