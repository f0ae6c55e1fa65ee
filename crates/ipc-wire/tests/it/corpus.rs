//! Reads the data files in `tests/corpus`; `values.txt` explains their notation.

/// A line of a data file: its words before the bytes, and the bytes.
pub(crate) struct Case<const N_WORDS: usize> {
    /// Where it stands, for the message of a failure.
    pub(crate) line: usize,
    pub(crate) words: [&'static str; N_WORDS],
    pub(crate) bytes: Vec<u8>,
}

/// The cases of `values.txt`: verdict, verdict of `Value`, rule.
pub(crate) fn values() -> Vec<Case<3>> {
    parse(include_str!("../corpus/values.txt"))
}

/// The cases of `streams.txt`: outcome, rule.
pub(crate) fn streams() -> Vec<Case<2>> {
    parse(include_str!("../corpus/streams.txt"))
}

fn parse<const N_WORDS: usize>(text: &'static str) -> Vec<Case<N_WORDS>> {
    let is_case = |(_, line): &(usize, &str)| !line.is_empty() && !line.starts_with('#');
    (1..)
        .zip(text.lines())
        .filter(is_case)
        .map(|(line, content)| {
            let mut parts = content.splitn(N_WORDS + 1, ' ');
            let words = std::array::from_fn(|_| parts.next().expect("a word is missing"));
            let bytes = bytes(parts.next().expect("no bytes; write <> for none"));
            Case { line, words, bytes }
        })
        .collect()
}

/// Undoes the notation: `<2C>`, `<2C 20>`, `<5B*9>`, `<>`.
fn bytes(notation: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = notation;
    while let Some((plain, behind)) = rest.split_once('<') {
        let (group, behind) = behind.split_once('>').expect("a '<' without its '>'");
        bytes.extend_from_slice(plain.as_bytes());
        for byte in group.split_whitespace() {
            let (hex, n) = byte.split_once('*').unwrap_or((byte, "1"));
            let byte = u8::from_str_radix(hex, 16).expect("a byte has two hexadecimal digits");
            bytes.resize(bytes.len() + n.parse::<usize>().expect("a count"), byte);
        }
        rest = behind;
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[test]
fn the_notation_says_any_byte() {
    assert_eq!(bytes("a<3C 3E>b<2C*3><>"), b"a<>b,,,");
}

#[test]
fn no_case_stands_twice_and_there_are_enough() {
    let mut seen = std::collections::BTreeMap::new();
    for case in values() {
        if let Some(line) = seen.insert(case.bytes, case.line) {
            panic!("values.txt: line {} repeats line {line}", case.line);
        }
    }
    assert!(250 <= seen.len() && 100 <= streams().len());
}
