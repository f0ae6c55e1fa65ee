//! What rows find is what the other ways find.

use proptest::prelude::*;

use crate::{
    block::Instructions,
    fault::Fault,
    scan::{MAX_DEPTH, Progress, Scanner},
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
        "[{\"a\":[{\"b\":[[[[[[[]]]]]]]}]}]",
        "1e05",
        "7E+20",
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
const WRONG: [&str; 50] = [
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
    "e5",
    "-e5",
    "1.5.e5",
    "1e5.5",
    "1e+-5",
    "1+5",
    "1e5+5",
    "true5",
    "falsely",
    "[1,[2,{3]}]",
    "[[[[[[[[[[[[}]]]]]]]]]]]",
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
    // 128 bytes are read by words. Then it stands in the first row, and about its end; in rows of one
    // vector, and, behind 4 KiB of those, in one that has more.
    for (n_before, n_after, step) in [(80, 80, 1), (205, 80, 1), (1500, 700, 5), (2074, 700, 5)] {
        let (before, after) = ("12,".repeat(n_before), ",[3]".repeat(n_after));
        for (wrong, n) in WRONG
            .iter()
            .flat_map(|wrong| (0..64).step_by(step).map(move |n| (wrong, n)))
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
    let dense = "1.5,-20e3,true,\"größe\",{\"k\\n\":[]},";
    let long = "plain words, ".repeat(20);
    for (begin, step) in [
        // Rows of one vector, and of more.
        (dense.repeat(8), 1),
        (dense.repeat(200), 11),
        // White space where words end and rows begin.
        (format!("{}{}", "12,".repeat(35), " ".repeat(40)), 1),
    ] {
        let message = format!("{{\"param\":[{begin}\"{long}\",{dense}\"\"]}}");
        let expected = Ok(Progress::Complete(message.len()));
        for instructions in Instructions::available() {
            for first in (1..message.len()).step_by(step) {
                let (found, _) = scan(instructions, message.as_bytes(), first);
                assert_eq!(found, expected, "{instructions:?}, cut at {first}");
            }
        }
    }
}

#[test]
fn a_message_ends_wherever_in_a_row_that_is() {
    let dense = "[{\"a\":[1,true]}],".repeat(300);
    let behind = "{\"event\":\"]}[{\"}]]}}".repeat(150);
    for n in 0..600 {
        // Every end in two rows, and every depth of what ends there.
        let (blanks, depth) = (" ".repeat(n * 4), n % 12);
        let (opening, closing) = ("[".repeat(depth), "]".repeat(depth));
        let message = format!("{{\"param\":[{dense}{blanks}{opening}7{closing}]}}");
        let expected = Ok(Progress::Complete(message.len()));
        let stream = format!("{message}{behind}");
        for instructions in Instructions::available() {
            let (found, _) = scan(instructions, stream.as_bytes(), stream.len());
            assert_eq!(found, expected, "{instructions:?} {n}");
        }
    }
}

#[test]
fn a_large_message_needs_no_large_stack() {
    let message = format!("{{\"param\":[{}7]}}", "[true,{\"a\":1.5}],".repeat(500));
    let thread = std::thread::Builder::new().stack_size(256 * 1024);
    let scanned = thread.spawn(move || {
        for instructions in Instructions::available() {
            let (found, _) = scan(instructions, message.as_bytes(), message.len());
            assert_eq!(found, Ok(Progress::Complete(message.len())));
        }
    });
    scanned.unwrap().join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_large_message_is_read_alike_with_all_instructions_wherever_it_is_cut(
        mut elements in prop::collection::vec(any_element(), 20..220),
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
