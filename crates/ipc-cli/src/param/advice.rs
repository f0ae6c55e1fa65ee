//! What errors say to write instead.

/// The most of a word that an error repeats.
const SHOWN_CHARS: usize = 60;

/// Says how to write a word as text.
pub(super) fn as_text(word: &str) -> String {
    format!("as text, write -s {}", quote(word, "TEXT"))
}

/// The word as a shell takes it; `otherwise` when it is too long or cannot be shown.
pub(super) fn quote(word: &str, otherwise: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "@%+=:,./_-".contains(c);
    if word.chars().any(char::is_control) || word.chars().nth(SHOWN_CHARS).is_some() {
        return otherwise.to_owned();
    }
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The beginning of a word, where an error repeats it.
pub(super) fn shorten(word: &str) -> String {
    match word.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &word[..end]),
        None => word.to_owned(),
    }
}
