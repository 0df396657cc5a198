//! A text with some of its parts replaced.

use super::token::Span;

/// `original` with each span replaced by the text beside it.
///
/// Spans are ordered and do not overlap, as those of the literals of a [`Probe`](super::Probe) are; one that does not follow the
/// one before, or does not fit the text, is a mistake of the caller.
///
/// # Panics
/// When a span does not fit.
pub fn splice(original: &str, replacements: &[(Span, String)]) -> String {
    let added: usize = replacements.iter().map(|(_, text)| text.len()).sum();
    let mut spliced = String::with_capacity(original.len() + added);
    let mut at = 0;
    for (span, text) in replacements {
        let kept = original.get(at..span.start);
        assert!(kept.is_some() && span.start <= span.end, "spans are ordered and lie in the text");
        spliced.push_str(kept.unwrap_or_default());
        spliced.push_str(text);
        at = span.end;
    }
    let rest = original.get(at..);
    assert!(rest.is_some(), "spans lie in the text");
    spliced.push_str(rest.unwrap_or_default());
    spliced
}
