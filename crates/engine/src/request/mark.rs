//! Where a document speaks of `sensitive`: found in the bytes as they are written, not in what a parser makes of them.

use super::reference;

/// The word that marks, in lower case.
const WORD: &[u8] = b"sensitive";

/// The length of the one beginning of the word, `sens`, that ends as the word begins: with an `s`.
const SENS: usize = 4;

/// The values with which the attribute marks nothing.
const UNMARKED: [&str; 3] = ["0", "false", "no"];

/// Whether an attribute is the one way to write the word without marking: name and value as they are written.
pub(super) fn is_unmarked(name: &str, value: &str) -> bool {
    let value = value.trim_matches([' ', '\t', '\n', '\r']);
    name.as_bytes() == WORD && UNMARKED.iter().any(|unmarked| value.eq_ignore_ascii_case(unmarked))
}

/// Goes through the document beside the parser, and counts what speaks of the word.
pub(super) struct Marks<'d> {
    document: &'d [u8],
    /// Where the next occurrence of the word begins.
    word: Option<usize>,
    /// Where the next reference to a letter begins.
    letter: Option<usize>,
    /// How much of the word the character data ends with.
    begun: usize,
}

impl<'d> Marks<'d> {
    pub(super) fn new(document: &'d str) -> Self {
        let document = document.as_bytes();
        Self { document, word: word_from(document, 0), letter: letter_from(document, 0), begun: 0 }
    }

    /// How often the word and references to letters stand before `end`, and were not counted before.
    pub(super) fn count_before(&mut self, end: usize) -> usize {
        let mut count = 0;
        while let Some(at) = self.word.filter(|at| *at < end) {
            count += 1;
            self.word = word_from(self.document, at + WORD.len());
        }
        while let Some(at) = self.letter.filter(|at| *at < end) {
            count += 1;
            self.letter = letter_from(self.document, at + 1);
        }
        count
    }

    /// Takes in the next piece of character data, and tells whether a word is whole now that began in an earlier one.
    pub(super) fn goes_on(&mut self, piece: &str) -> bool {
        let piece = piece.as_bytes();
        let mut whole = false;
        for byte in piece.iter().take(WORD.len()) {
            if self.begun == 0 {
                break;
            }
            self.begun = step(self.begun, *byte);
            whole |= self.begun == WORD.len();
        }
        // No more than the last bytes can be the beginning of a word that the next piece ends.
        if !piece.last().is_none_or(u8::is_ascii_alphabetic) {
            self.begun = 0;
        } else if piece.len() >= WORD.len() {
            let tail = piece.len() - (WORD.len() - 1);
            self.begun = piece.iter().skip(tail).fold(0, |begun, byte| step(begun, *byte));
        } else if self.begun == 0 {
            self.begun = piece.iter().fold(0, |begun, byte| step(begun, *byte));
        }
        whole
    }
}

/// How much of the word there is after one more byte (Knuth, Morris, Pratt).
fn step(begun: usize, byte: u8) -> usize {
    let byte = byte.to_ascii_lowercase();
    let mut begun = begun;
    loop {
        if WORD.get(begun) == Some(&byte) {
            return begun + 1;
        }
        if begun == 0 {
            return 0;
        }
        begun = if begun == SENS { 1 } else { 0 };
    }
}

/// The first occurrence of the word at or after `from`, found by its rarest letter.
fn word_from(document: &[u8], from: usize) -> Option<usize> {
    const RARE: usize = 7;
    let search = from + RARE;
    memchr::memchr2_iter(b'v', b'V', document.get(search..)?)
        .map(|at| from + at)
        .find(|at| document.get(*at..at + WORD.len()).is_some_and(|found| found.eq_ignore_ascii_case(WORD)))
}

/// The first reference to an ASCII letter at or after `from`.
fn letter_from(document: &[u8], from: usize) -> Option<usize> {
    memchr::memchr_iter(b'&', document.get(from..)?).map(|at| from + at).find(|at| is_letter(&document[at + 1..]))
}

/// Whether `rest`, from behind a `&`, begins with the number of an ASCII letter. It looks no further than the digits,
/// so that a document of nothing but `&#` costs no more than its length.
fn is_letter(rest: &[u8]) -> bool {
    let begin = match rest {
        [b'#', b'x', ..] => 2,
        [b'#', ..] => 1,
        _ => return false,
    };
    let end = begin + rest.iter().skip(begin).take_while(|digit| digit.is_ascii_hexdigit()).count();
    let inner = rest.get(..end).and_then(|inner| str::from_utf8(inner).ok());
    let character = inner.and_then(reference::character);
    rest.get(end) == Some(&b';') && character.is_some_and(|character| character.is_ascii_alphabetic())
}
