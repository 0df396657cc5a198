//! Sizes and openings: files and functions that a person can hold in mind, each file saying what it is for.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::{Finding, Source};
use crate::data::{FILE_LINES, FUNCTION_LINES};

pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |line, message: String| findings.push(Finding::new(&source.path, line, message));
    let lines = source.text.lines().count();
    if lines > FILE_LINES {
        find(0, format!("{lines} lines; a file has at most {FILE_LINES}"));
    }
    if !source.text.starts_with("//! ") {
        find(1, "a file opens with `//!` and one sentence that says what it is for".into());
    }
    if source.path.ends_with("/mod.rs") {
        find(0, "a module `x` lies in `x.rs` beside the directory `x`, never in `mod.rs`".into());
    }
    let mut functions = LongFunctions::default();
    functions.visit_file(&source.syntax);
    for (name, line, length) in functions.found {
        find(line, format!("`{name}` has {length} lines; a function has at most {FUNCTION_LINES}"));
    }
    findings
}

#[derive(Default)]
struct LongFunctions {
    found: Vec<(String, usize, usize)>,
}

impl LongFunctions {
    /// From the signature to the closing brace: attributes and documentation do not count.
    fn measure(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let first = signature.span().start().line;
        let length = block.span().end().line - first + 1;
        if length > FUNCTION_LINES {
            self.found.push((signature.ident.to_string(), first, length));
        }
    }
}

impl<'ast> Visit<'ast> for LongFunctions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.measure(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        let source = Source::parse(path, text).unwrap();
        check(&source).into_iter().map(|finding| finding.message).collect()
    }

    fn function_of(lines: usize) -> String {
        format!("//! x\nimpl A {{\n/// y\n#[inline]\nfn long() {{\n{}}}\n}}\n", "a();\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_over_the_limit_is_found() {
        assert!(messages("src/a.rs", &function_of(71))[0].contains("`long` has 71 lines"));
        assert_eq!(messages("src/a.rs", &function_of(70)), [""; 0]);
    }

    #[test]
    fn a_file_over_the_limit_is_found() {
        let of = |lines: usize| format!("//! x\n{}", "// y\n".repeat(lines - 1));
        assert!(messages("src/a.rs", &of(601))[0].contains("601 lines"));
        assert_eq!(messages("src/a.rs", &of(600)), [""; 0]);
    }

    #[test]
    fn a_file_without_an_opening_sentence_is_found() {
        assert!(messages("src/a.rs", "fn a() {}\n")[0].contains("opens with"));
        assert_eq!(messages("src/a.rs", "//! Says what it is for.\nfn a() {}\n"), [""; 0]);
    }

    #[test]
    fn mod_rs_is_found() {
        assert!(messages("src/a/mod.rs", "//! x\n")[0].contains("never in `mod.rs`"));
        assert_eq!(messages("src/a/model.rs", "//! x\n"), [""; 0]);
    }
}
