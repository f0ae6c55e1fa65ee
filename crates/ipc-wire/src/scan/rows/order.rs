//! Whether everything in a row follows what it may follow.

use crate::{row::Row, scan::State};

/// What the next row has to know of the last thing before it that is no white space.
#[derive(Clone, Copy, Default)]
pub(super) struct Order {
    /// It is a `,` or `:`.
    separator: bool,
    /// It is a `{` or `[`.
    opening: bool,
    /// It is a `{`, or a `,` in an object: a key is due.
    key_due: bool,
    /// It is a key whose closing quote did not come yet.
    key: bool,
    /// It is a key.
    after_key: bool,
}

/// What a row consists of.
pub(super) struct Words<R> {
    /// All bytes of texts but their closing quotes.
    pub(super) texts: R,
    pub(super) text_starts: R,
    pub(super) scalar_starts: R,
    /// The brackets; those of objects are `curly`.
    pub(super) opening: R,
    pub(super) closing: R,
    pub(super) curly: R,
    pub(super) commas: R,
    pub(super) colons: R,
    pub(super) spaces: R,
    /// The bytes whose innermost container is an object.
    pub(super) objects: R,
}

impl Order {
    /// Where a value is due.
    pub(super) fn value() -> Self {
        Self {
            separator: true,
            ..Self::default()
        }
    }

    /// The state after the row, unless it is that after, or within, a value.
    pub(super) fn state(&self) -> Option<State> {
        if self.after_key {
            return Some(State::Colon);
        }
        match (self.separator, self.opening, self.key_due) {
            (false, true, true) => Some(State::FirstKey),
            (true, false, true) => Some(State::NextKey),
            (true, false, false) => Some(State::Value),
            (false, true, false) => Some(State::FirstElement),
            _ => None,
        }
    }

    /// The same, if it is within a text.
    pub(super) fn text_state(&self) -> State {
        if self.key { State::Key } else { State::Text }
    }

    /// The bytes that must not stand where they do.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn next<R: Row>(&mut self, words: &Words<R>) -> R {
        let spaces = words.spaces;
        let separators = words.commas | words.colons;
        let values = words.text_starts | words.scalar_starts | words.opening;
        let after_separators = after(separators, spaces, &mut self.separator);
        let after_opening = after(words.opening, spaces, &mut self.opening);

        let before_keys = words.commas & words.objects | words.opening & words.curly;
        let key_places = after(before_keys, spaces, &mut self.key_due);
        let keys = key_places & words.text_starts;
        // The sum carries each key's bit to its closing quote.
        let key_ends = words.texts.plus(keys, &mut self.key) & !words.texts;
        let after_keys = after(key_ends, spaces, &mut self.after_key);

        after_separators & !values
            | after_opening & separators
            | values & !(after_separators | after_opening)
            | key_places & !(words.text_starts | words.closing)
            | after_keys ^ words.colons
    }
}

/// What comes next after each of these, over white space.
#[inline(always)]
fn after<R: Row>(bits: R, spaces: R, last: &mut bool) -> R {
    let next = bits.next(last);
    // The sum carries each bit to the end of the white space behind it.
    let mut goes_on = false;
    let sum = next.plus(spaces, &mut goes_on);
    *last |= goes_on;
    sum & !spaces
}
