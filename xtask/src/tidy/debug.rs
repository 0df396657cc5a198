//! No derived `Debug` on a type that holds the bytes of a key: it would print them.
//!
//! The role types of the crate `secret` print themselves as opaque, so fields of those types are fine.
//! What is looked for are raw bytes and text under a name that says they are secret.

use syn::visit::{self, Visit};

use super::{Finding, Source};
use crate::data::{PUBLIC_QUALIFIERS, SECRET_BYTES, SECRET_TEXT};

/// Types that show the bytes they hold.
const BYTES: &[&str] = &["u8", "Bytes", "BytesMut", "Zeroizing"];

/// Types that show the text they hold.
const TEXT: &[&str] = &["String", "str"];

/// Crates whose keys are no keys of cryptography: to the store a key says where a record lies.
const OTHER_KEYS: &[&str] = &["store", "testkit", "xtask"];

pub fn check(source: &Source) -> Vec<Finding> {
    if OTHER_KEYS.contains(&source.crate_name()) {
        return Vec::new();
    }
    let mut types = Printing { source, findings: Vec::new() };
    types.visit_file(&source.syntax);
    types.findings
}

struct Printing<'a> {
    source: &'a Source,
    findings: Vec<Finding>,
}

impl Printing<'_> {
    fn judge(&mut self, owner: &syn::Ident, fields: &syn::Fields) {
        // What tests make up is no secret, and a failing test has to show it.
        if self.source.is_test(owner.span().start().line) {
            return;
        }
        for field in fields {
            let name = match &field.ident {
                Some(name) => name.to_string(),
                None => snake_case(&owner.to_string()),
            };
            if raw_types(&name).is_some_and(|raw| names_any(&field.ty, &raw)) {
                let line = owner.span().start().line;
                let message = format!(
                    "derived `Debug` would print `{name}` of `{owner}`; write it by hand or use a type of the crate `secret`"
                );
                self.findings.push(Finding::new(&self.source.path, line, message));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Printing<'_> {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        if item.attrs.iter().any(derives_debug) {
            self.judge(&item.ident, &item.fields);
        }
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        if item.attrs.iter().any(derives_debug) {
            for variant in &item.variants {
                self.judge(&variant.ident, &variant.fields);
            }
        }
        visit::visit_item_enum(self, item);
    }
}

/// `derive(… Debug …)`, also inside `cfg_attr`.
fn derives_debug(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else {
        return false;
    };
    let words = list.tokens.to_string();
    let conditional = list.path.is_ident("cfg_attr") && words.contains("derive");
    (list.path.is_ident("derive") || conditional)
        && words.split(|sign: char| !sign.is_alphanumeric()).any(|word| word == "Debug")
}

/// For a name whose last word says secret, unless the word before it takes that back: the types that would show it.
fn raw_types(name: &str) -> Option<Vec<&'static str>> {
    let mut words = name.rsplit('_');
    let last = words.next().unwrap_or_default();
    let before = words.next().unwrap_or_default();
    if PUBLIC_QUALIFIERS.contains(&before) {
        return None;
    }
    if SECRET_BYTES.contains(&last) {
        return Some(BYTES.to_vec());
    }
    SECRET_TEXT.contains(&last).then(|| [BYTES, TEXT].concat())
}

/// Whether the type is one of these or holds one.
fn names_any(shape: &syn::Type, wanted: &[&str]) -> bool {
    struct Names<'a>(&'a [&'a str], bool);
    impl<'ast> Visit<'ast> for Names<'_> {
        fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
            self.1 |= self.0.iter().any(|wanted| segment.ident == wanted);
            visit::visit_path_segment(self, segment);
        }
    }
    // One byte alone is a number, not a key.
    if matches!(shape, syn::Type::Path(path) if path.path.is_ident("u8")) {
        return false;
    }
    let mut names = Names(wanted, false);
    names.visit_type(shape);
    names.1
}

fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        check(&Source::parse("crates/keeper/src/a.rs", text).unwrap()).len()
    }

    #[test]
    fn raw_secrets_under_a_derived_debug_are_found() {
        for text in [
            "#[derive(Clone, Debug)] struct A { data_key: [u8; 32] }",
            "#[derive(Debug)] struct A { passphrase: String }",
            "#[derive(Debug)] struct A { secret: Option<Vec<u8>> }",
            "#[derive(Debug)] struct A<'a> { seed: &'a [u8] }",
            "#[derive(Debug)] struct A { key: Zeroizing<Vec<u8>> }",
            "#[derive(Debug)] struct DataKey([u8; 32]);",
            "#[derive(Debug)] enum A { B { root_key: Box<[u8]> } }",
            "#[cfg_attr(test, derive(Debug))] struct A { key: Vec<u8> }",
        ] {
            assert_eq!(found(text), 1, "{text}");
        }
    }

    #[test]
    fn opaque_public_and_handwritten_ones_are_not() {
        for text in [
            "#[derive(Debug)] struct A { data_key: DataKey }",
            "#[derive(Debug)] struct A { public_key: [u8; 32] }",
            "#[derive(Debug)] struct A { key_id: [u8; 16], key_version: u32 }",
            "#[derive(Debug)] struct A { key: RecordKey }",
            "#[derive(Debug)] struct RecordKey([u8; 17]);",
            "#[derive(Debug)] enum A { Key(u8) }",
            "#[derive(Debug)] struct A { key: String }",
            "#[derive(Clone)] struct A { key: [u8; 32] }",
            "#[derive(MyDebug)] struct A { key: [u8; 32] }",
            "#[cfg(test)] mod tests { #[derive(Debug)] struct A { key: [u8; 32] } }",
        ] {
            assert_eq!(found(text), 0, "{text}");
        }
    }
}
