//! The scanner's way through large containers: up to 512 bytes at a time, whatever they are.
//!
//! What each byte is by itself is found by vector instructions (`classes.rs`). The rest is
//! arithmetic on rows of bits (`row.rs`), one bit a byte: which bytes are within texts
//! (`texts.rs`), which container they are in (`nesting.rs`), whether numbers and literals are
//! right (`scalars.rs`), and whether everything follows what it may follow (`order.rs`). Each of
//! these keeps what the next row has to know.
//!
//! A row is right or it is not. If it is not, or its end is cut, the other ways go through it, from
//! the state in which it begins.

mod classes;
mod nesting;
mod order;
mod scalars;
mod texts;

use crate::{
    block::{BLOCK_BYTES, Blocks},
    row::{ROW_WORDS, Row},
    scan::{
        Scanner, State,
        rows::{classes::Classes, nesting::Nesting, order::Order, scalars::Scalars, texts::Texts},
    },
};

/// How many bytes a row stands for.
const ROW_BYTES: usize = ROW_WORDS * BLOCK_BYTES;

/// A row with fewer commas and colons is sparse: long texts are gone through faster by words.
const DENSE_SEPARATORS: u32 = 16;

/// How far words go behind a sparse row before rows are tried again.
const SPARSE_BYTES: usize = 16 * ROW_BYTES;

impl Scanner {
    /// Goes on through a container of the top level, from a value in it on, row by row: until it
    /// ends, or a row is sparse, not right, or not whole.
    #[inline(always)]
    pub(super) fn read_rows(&mut self, blocks: impl Blocks, message: &[u8]) {
        #[expect(clippy::cast_possible_truncation, reason = "only so deep is gone here")]
        let containers = self.containers as u64;
        let mut walk = Walk {
            position: self.position,
            texts: Texts::default(),
            nesting: Nesting::new(containers),
            scalars: Scalars::default(),
            order: Order::value(),
            has_line_breaks: false,
        };
        let mut n_words_bytes = ROW_BYTES;
        while let Some(rest) = message.get(walk.position..) {
            let mut next = walk;
            match next.row(blocks, message, rest, self.max_depth) {
                Some(Passed::End(len)) => {
                    walk = next.after_end(len);
                    break;
                }
                Some(passed) if ROW_BYTES <= rest.len() => {
                    next.position += ROW_BYTES;
                    walk = next;
                    if matches!(passed, Passed::Sparse) {
                        n_words_bytes = SPARSE_BYTES;
                        break;
                    }
                }
                _ => break,
            }
        }
        (self.state, self.position) = walk.state();
        (self.depth, self.containers) = (walk.nesting.depth(), walk.nesting.containers().into());
        self.envelope.has_line_breaks |= walk.has_line_breaks;
        self.rows_from = self.position + n_words_bytes;
    }
}

/// A row that is right.
enum Passed {
    Dense,
    Sparse,
    /// The container ends there, after so many bytes.
    End(usize),
}

/// Where the way through a container is: between two rows.
#[derive(Clone, Copy)]
struct Walk {
    position: usize,
    texts: Texts,
    nesting: Nesting,
    scalars: Scalars,
    order: Order,
    has_line_breaks: bool,
}

impl Walk {
    /// Goes through a row, `rest` and what follows it if that is shorter; nothing, if it is not
    /// right.
    #[inline(always)]
    fn row(
        &mut self,
        blocks: impl Blocks,
        message: &[u8],
        rest: &[u8],
        max_depth: u32,
    ) -> Option<Passed> {
        let mut classes = Classes::BLANK;
        classes.fill(blocks, rest, &mut self.texts)?;
        let bits = |words| blocks.row(words);
        let texts = self.texts.next(bits(&classes.quotes));
        let outside = !texts.bytes;
        let spaces = bits(&classes.spaces) & outside;
        let opening = bits(&classes.opening) & outside;
        let closing = bits(&classes.closing) & outside;
        let commas = bits(&classes.commas) & outside;
        let colons = bits(&classes.colons) & outside;
        let curly = &classes.curly;

        let nesting = self
            .nesting
            .next(&opening.words(), &closing.words(), curly, max_depth)?;
        let live = bits(&nesting.live);
        self.has_line_breaks |= (bits(&classes.breaks) & live).any();

        let scalars = outside & !(spaces | opening | closing | commas | colons) & live;
        let scalars = self
            .scalars
            .next(blocks, &classes, message, self.position, scalars)?;
        let errors = self.order.next(&order::Words {
            texts: texts.without_ends,
            text_starts: texts.starts,
            scalar_starts: scalars.starts,
            opening,
            closing,
            curly: bits(curly),
            commas,
            colons,
            spaces,
            objects: bits(&nesting.objects),
        });
        let errors = errors | scalars.errors | bits(&classes.controls) & texts.bytes;
        if (errors & live).any() {
            return None;
        }
        let n_separators: u32 = (commas | colons).words().map(u64::count_ones).iter().sum();
        Some(match nesting.end {
            Some(len) => Passed::End(len),
            None if n_separators < DENSE_SEPARATORS => Passed::Sparse,
            None => Passed::Dense,
        })
    }

    /// The place behind the container, which ends after so many bytes.
    fn after_end(self, len: usize) -> Self {
        Self {
            position: self.position + len,
            texts: Texts::default(),
            scalars: Scalars::default(),
            order: Order::default(),
            ..self
        }
    }

    /// The state in which the other ways go on, and where.
    fn state(&self) -> (State, usize) {
        let (state, n_known) = if self.texts.is_within() {
            (self.order.text_state(), self.texts.n_known())
        } else if let Some(state) = self.order.state() {
            (state, 0)
        } else {
            self.scalars.state()
        };
        (state, self.position + n_known)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        block::Instructions,
        fault::Fault,
        scan::{MAX_DEPTH, Progress},
    };

    /// What is found in a message that arrives in two pieces, and whether it has line breaks.
    fn scan(
        instructions: Instructions,
        message: &[u8],
        first: usize,
    ) -> (Result<Progress, Fault>, bool) {
        let mut scanner = Scanner::with_instructions(MAX_DEPTH, instructions);
        scanner.begin();
        let mut found = scanner.scan(&message[..first]);
        if found == Ok(Progress::NeedsMore) {
            found = scanner.scan(message);
        }
        (found, scanner.envelope().has_line_breaks)
    }

    fn any_element() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "true",
            "false",
            "null",
            "0",
            "-0",
            "7",
            "-12.5",
            "1e5",
            "2.50E-3",
            "123456789012345",
            "[]",
            "{}",
            "\"\"",
            "[1,[2,[3]]]",
            "{\"a\":{\"b\":[]}}",
            "\"\\\\\"",
            "\"\\\"\"",
        ]);
        let text = "([ -!#-\\[\\]-~]|ß|語|😀|\\\\[nt\"/\\\\]|\\\\u[0-9a-fA-F]{4}){0,60}";
        let record = |(key, n)| format!("{{\"{key}\" : {n} ,\n\"b\":[{n}]}}");
        prop_oneof![
            4 => word.prop_map(str::to_owned),
            1 => prop::num::f32::NORMAL.prop_map(|number| format!("{number:e}")),
            1 => text.prop_map(|text| format!("\"{text}\"")),
            1 => (text, any::<i16>()).prop_map(record),
        ]
    }

    /// What must not stand among elements, nor anywhere else.
    const WRONG: [&str; 39] = [
        "[,1]",
        "{:1}",
        "{1}",
        "{\"a\":1,2}",
        "\"\\u123\"",
        "01",
        "-",
        "1.",
        ".5",
        "+1",
        "1e",
        "1e+",
        "1e5e5",
        "1e-22e-220",
        "1.2.3",
        "1-2",
        "--1",
        "1.e5",
        "6false",
        "truefalse",
        "true1",
        "tru",
        "nul",
        "{]",
        "[}",
        "{1:2}",
        "{\"a\"}",
        "{\"a\":}",
        "{,}",
        "[,]",
        "[1,]",
        "[1 2]",
        "[1:2]",
        "{\"a\":1,}",
        "\"a\"\"b\"",
        "\"a\":1",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\u{1}\"",
    ];

    #[test]
    fn what_is_wrong_is_found_wherever_it_stands_in_a_row() {
        let after = ",[3]".repeat(80);
        // In the first row, and about its end: 128 bytes are read by words.
        for n_before in [80, 205] {
            let before = "12,".repeat(n_before);
            for (wrong, n) in WRONG
                .iter()
                .flat_map(|wrong| (0..64).map(move |n| (wrong, n)))
            {
                let blanks = " ".repeat(n);
                let message = format!("{{\"param\":[{before}{blanks}{wrong}{after}]}}");
                let expected = scan(Instructions::SCALAR, message.as_bytes(), message.len());
                assert!(expected.0.is_err(), "{message}");
                for instructions in Instructions::available() {
                    let found = scan(instructions, message.as_bytes(), message.len());
                    assert_eq!(found, expected, "{instructions:?} {message}");
                }
            }
        }
    }

    #[test]
    fn a_message_is_read_alike_wherever_it_is_cut() {
        let dense = "1.5,-20e3,true,\"größe\",{\"k\\n\":[]},".repeat(8);
        let long = "plain words, ".repeat(20);
        // White space where words end and rows begin.
        let small = format!("{}{}", "12,".repeat(35), " ".repeat(40));
        for begin in [dense.as_str(), small.as_str()] {
            let message = format!("{{\"param\":[{begin}\"{long}\",{dense}\"\"]}}");
            let expected = Ok(Progress::Complete(message.len()));
            for instructions in Instructions::available() {
                for first in 1..message.len() {
                    let (found, _) = scan(instructions, message.as_bytes(), first);
                    assert_eq!(found, expected, "{instructions:?}, cut at {first}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]

        #[test]
        fn a_large_message_is_read_alike_with_all_instructions_wherever_it_is_cut(
            mut elements in prop::collection::vec(any_element(), 20..90),
            separator in prop::sample::select(vec![",", ", ", "\n,\t"]),
            wrong in prop::option::weighted(0.7, prop::sample::select(&WRONG[..])),
            place: prop::sample::Index,
            cut: prop::sample::Index,
        ) {
            if let Some(wrong) = wrong {
                elements.insert(place.index(elements.len()), wrong.to_owned());
            }
            let message = format!("{{\"param\":[{}]}}\n{{\"id\":\"\\\"", elements.join(separator));
            let message = message.as_bytes();
            let expected = scan(Instructions::SCALAR, message, message.len());
            prop_assert_eq!(expected.0.is_err(), wrong.is_some());
            for instructions in Instructions::available() {
                for first in [message.len(), cut.index(message.len()).max(1)] {
                    prop_assert_eq!(
                        scan(instructions, message, first),
                        expected.clone(),
                        "{:?}, cut at {}", instructions, first
                    );
                }
            }
        }
    }
}
