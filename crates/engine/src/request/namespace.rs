//! Which prefix stands for which namespace, element by element.

use std::borrow::Cow;

use super::reference::normalized;
use super::tag::{Attribute, QualifiedName};
use super::{NAMESPACES, Position, Problem, RequestRefusal};

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// The declarations in force.
#[derive(Default)]
pub(super) struct Bindings<'d> {
    declared: Vec<Binding<'d>>,
    /// Names of one element's attributes, for comparison; kept for its memory.
    names: Vec<(usize, &'d str)>,
}

struct Binding<'d> {
    /// Empty for the namespace of names without a prefix.
    prefix: &'d str,
    /// The number of the first declaration of the same namespace: equal numbers, equal namespaces.
    namespace: usize,
    name: Cow<'d, str>,
}

impl<'d> Bindings<'d> {
    /// How many are in force: what [`Self::end`] is told when the element that comes next ends.
    pub(super) fn len(&self) -> usize {
        self.declared.len()
    }

    pub(super) fn end(&mut self, len: usize) {
        self.declared.truncate(len);
    }

    /// Takes in the declarations of an element, then looks its names up.
    pub(super) fn begin(
        &mut self,
        element: QualifiedName<'d>,
        attributes: &[Attribute<'d>],
        document: &str,
        offset: usize,
    ) -> Result<(), RequestRefusal> {
        for attribute in attributes {
            self.declare(attribute, document)?;
        }
        if element.prefix().is_some_and(|prefix| prefix == "xmlns" || self.find(prefix).is_none()) {
            return Err(Problem::Prefix.at(document, offset));
        }
        self.names.clear();
        for attribute in attributes {
            let namespace = self.namespace(attribute.name);
            let namespace = namespace.ok_or_else(|| Problem::Prefix.at(document, attribute.offset))?;
            self.names.push((namespace, attribute.name.local()));
        }
        if self.one_twice() {
            return Err(Problem::AttributeTwice.at(document, offset));
        }
        Ok(())
    }

    fn declare(&mut self, attribute: &Attribute<'d>, document: &str) -> Result<(), RequestRefusal> {
        if !attribute.name.as_written().starts_with("xmlns") {
            return Ok(());
        }
        let prefix = match (attribute.name.prefix(), attribute.name.local()) {
            (None, "xmlns") => "",
            (Some("xmlns"), prefix) => prefix,
            _ => return Ok(()),
        };
        let name = normalized(attribute.value);
        let right = match (prefix, &*name) {
            ("xml", name) => name == XML,
            ("xmlns", _) | (_, XML | XMLNS) => false,
            (prefix, name) => prefix.is_empty() || !name.is_empty(),
        };
        if !right {
            return Err(Problem::Namespace.at(document, attribute.offset));
        }
        if self.declared.len() == NAMESPACES {
            let at = Position::of(document.as_bytes(), attribute.offset);
            return Err(RequestRefusal::TooManyNamespaces { at });
        }
        let same = self.declared.iter().find(|binding| binding.name == name).map(|binding| binding.namespace);
        let namespace = same.unwrap_or(FIRST_DECLARED + self.declared.len());
        self.declared.push(Binding { prefix, namespace, name });
        Ok(())
    }

    /// A number for the namespace of an attribute; without a prefix it has none.
    fn namespace(&self, name: QualifiedName<'d>) -> Option<usize> {
        match name.prefix() {
            None => Some(NO_NAMESPACE),
            Some("xmlns") => Some(DECLARATION),
            Some(prefix) => self.find(prefix),
        }
    }

    fn find(&self, prefix: &str) -> Option<usize> {
        let declared = self.declared.iter().rev().find(|binding| binding.prefix == prefix);
        if prefix == "xml" { Some(XML_NAMESPACE) } else { declared.map(|binding| binding.namespace) }
    }

    fn one_twice(&mut self) -> bool {
        if self.names.len() < 2 {
            return false;
        }
        self.names.sort_unstable();
        self.names.windows(2).any(|pair| pair.first() == pair.last())
    }
}

const NO_NAMESPACE: usize = 0;
const DECLARATION: usize = 1;
const XML_NAMESPACE: usize = 2;
const FIRST_DECLARED: usize = 3;
