//! A parsed source file: its syntax, its tokens, and which of its lines are tests.

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::Finding;

/// One file of Rust.
pub struct Source {
    pub path: String,
    pub text: String,
    pub syntax: syn::File,
    /// All tokens in order, groups opened.
    pub tokens: Vec<Token>,
    test_lines: Vec<(usize, usize)>,
}

/// A word or a sign with its line; literals are left out, so that text about code is not taken for code.
pub struct Token {
    pub text: String,
    pub line: usize,
}

impl Source {
    pub fn parse(path: &str, text: &str) -> Result<Source, Finding> {
        let problem =
            |error: syn::Error| Finding::new(path, error.span().start().line, format!("does not parse: {error}"));
        let syntax = syn::parse_file(text).map_err(problem)?;
        let stream: TokenStream = syn::parse_str(text).map_err(problem)?;
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        let mut modules = TestModules::default();
        modules.visit_file(&syntax);
        Ok(Source { path: path.to_owned(), text: text.to_owned(), syntax, tokens, test_lines: modules.lines })
    }

    /// The directory below `crates/`, or the first directory of the path.
    pub fn crate_name(&self) -> &str {
        let path = self.path.strip_prefix("crates/").unwrap_or(&self.path);
        path.split('/').next().unwrap_or_default()
    }

    /// Whether the line is test code: in a directory of tests, benchmarks or examples, or in a module that is built for tests only.
    pub fn is_test(&self, line: usize) -> bool {
        let directory = ["/tests/", "/benches/", "/examples/"].iter().any(|part| self.path.contains(part));
        let file = self.path.ends_with("/tests.rs") || self.path.starts_with("tests/");
        let inside = |(first, last): &(usize, usize)| (*first..=*last).contains(&line);
        directory || file || self.test_lines.iter().any(inside)
    }

    /// Places where the tokens follow each other as given.
    pub fn occurrences<'a>(&'a self, words: &'a [&'a str]) -> impl Iterator<Item = usize> + 'a {
        self.tokens
            .windows(words.len())
            .filter(move |window| window.iter().zip(words).all(|(token, word)| token.text == *word))
            .map(|window| window[0].line)
    }
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    proc_macro2::Delimiter::Parenthesis => ("(", ")"),
                    proc_macro2::Delimiter::Brace => ("{", "}"),
                    proc_macro2::Delimiter::Bracket => ("[", "]"),
                    proc_macro2::Delimiter::None => ("", ""),
                };
                let last = group.span_close().start().line;
                tokens.push(sign(open, line));
                flatten(group.stream(), tokens);
                tokens.push(sign(close, last));
            }
            TokenTree::Ident(word) => tokens.push(sign(&word.to_string(), line)),
            TokenTree::Punct(punct) => tokens.push(sign(&punct.as_char().to_string(), line)),
            TokenTree::Literal(_) => tokens.push(sign("\"\"", line)),
        }
    }
}

fn sign(text: &str, line: usize) -> Token {
    Token { text: text.to_owned(), line }
}

#[derive(Default)]
struct TestModules {
    lines: Vec<(usize, usize)>,
}

impl<'ast> Visit<'ast> for TestModules {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.attrs.iter().any(is_test_only) {
            let span = module.span();
            self.lines.push((span.start().line, span.end().line));
        }
        visit::visit_item_mod(self, module);
    }
}

/// `#[cfg(test)]`, and nothing more subtle: such a condition on shipped code is not used here.
fn is_test_only(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_modules_and_test_directories_are_test_code() {
        let text = "//! x\nfn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        let source = Source::parse("crates/store/src/lib.rs", text).unwrap();
        assert!(!source.is_test(2));
        assert!(source.is_test(5));
        assert_eq!(source.crate_name(), "store");
        let source = Source::parse("crates/store/tests/it/main.rs", text).unwrap();
        assert!(source.is_test(2));
    }

    #[test]
    fn words_in_literals_are_not_tokens() {
        let source = Source::parse("a.rs", "fn a() { b(\"unsafe\") }").unwrap();
        assert_eq!(source.occurrences(&["unsafe"]).count(), 0);
        assert_eq!(source.occurrences(&["b", "("]).count(), 1);
    }
}
