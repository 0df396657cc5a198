//! A walk over the tokens of a statement.

use crate::sql::token::{Kind, Token};

/// What is left of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk<'t, 'a> {
    rest: &'t [Token<'a>],
}

impl<'t, 'a> Walk<'t, 'a> {
    /// From the beginning of `tokens`.
    pub(super) fn new(tokens: &'t [Token<'a>]) -> Self {
        Walk { rest: tokens }
    }

    /// What was not read yet.
    pub(super) fn rest(&self) -> &'t [Token<'a>] {
        self.rest
    }

    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<&'t Token<'a>> {
        self.rest.first()
    }

    pub(super) fn next(&mut self) -> Option<&'t Token<'a>> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// The next token as a word without quotes; another is left.
    pub(super) fn word(&mut self) -> Option<&'t str> {
        let word = self.peek()?.word()?;
        self.next();
        Some(word)
    }

    /// Reads `word`, if it comes next.
    pub(super) fn is(&mut self, word: &str) -> bool {
        self.take(|token| token.is_word(word))
    }

    /// Reads these words, if all of them come next.
    pub(super) fn are(&mut self, words: &[&str]) -> bool {
        let mut ahead = *self;
        let all = words.iter().all(|word| ahead.is(word));
        if all {
            *self = ahead;
        }
        all
    }

    /// Reads one of these words, if one comes next.
    pub(super) fn one_of(&mut self, words: &[&str]) -> bool {
        self.take(|token| token.word().is_some_and(|word| words.contains(&word)))
    }

    /// Reads `mark`, if it comes next.
    pub(super) fn mark(&mut self, mark: &str) -> bool {
        self.take(|token| token.is_mark(mark))
    }

    /// The next token as a name; another is left.
    pub(super) fn name(&mut self) -> Option<&'t str> {
        let name = self.peek()?.name()?;
        self.next();
        Some(name)
    }

    /// What stands between the parenthesis that comes next and its partner; nothing when there is none, or no partner.
    pub(super) fn parenthesised(&mut self) -> Option<&'t [Token<'a>]> {
        let mut ahead = *self;
        if !ahead.mark("(") {
            return None;
        }
        let inside = ahead.rest;
        let end = partner(inside)?;
        self.rest = inside.get(end + 1..)?;
        inside.get(..end)
    }

    /// Reads everything up to the first token outside parentheses that `stop` holds for, and leaves that.
    pub(super) fn until(&mut self, stop: impl Fn(&Token<'a>) -> bool) -> &'t [Token<'a>] {
        let mut depth = 0usize;
        let at = self.rest.iter().position(|token| {
            match token.kind {
                Kind::Mark("(" | "[") => depth += 1,
                Kind::Mark(")" | "]") => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && stop(token)
        });
        let (read, rest) = self.rest.split_at(at.unwrap_or(self.rest.len()));
        self.rest = rest;
        read
    }

    fn take(&mut self, fits: impl Fn(&Token<'a>) -> bool) -> bool {
        let found = self.peek().is_some_and(fits);
        if found {
            self.next();
        }
        found
    }
}

/// Where the parenthesis ends that was opened just before `tokens`.
pub(super) fn partner(tokens: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Mark("(") => depth += 1,
            Kind::Mark(")") if depth == 0 => return Some(at),
            Kind::Mark(")") => depth -= 1,
            _ => {}
        }
    }
    None
}

/// `tokens` at their commas outside parentheses and brackets; nothing at all has no parts.
pub(super) fn at_commas<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut parts = Vec::new();
    if tokens.is_empty() {
        return parts;
    }
    let mut walk = Walk::new(tokens);
    loop {
        parts.push(walk.until(|token| token.is_mark(",")));
        if walk.next().is_none() {
            return parts;
        }
    }
}
