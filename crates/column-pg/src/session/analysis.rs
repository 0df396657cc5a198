//! What PostgreSQL's analyser says of a statement: the types of its parameters and of its result, and which of them are ours.

use std::sync::Arc;

use super::refusal;
use super::texts::Texts;
use crate::catalogue::{Catalogue, ColumnClass, Shape};
use crate::sql::Variant;
use crate::wire::Report;
use crate::wire::backend::Field;

/// A type, as far as it matters here.
#[derive(Clone, Debug)]
pub(super) enum Type {
    /// Not ours.
    Plain,
    /// An encryption class.
    Class(Arc<ColumnClass>, Shape),
}

/// What is known of a type before anything is done with it.
pub(super) enum Known {
    Type(Type),
    /// Of schema `strongroom`, and the manifest does not name it.
    Foreign,
    /// Made after the catalogue was read, perhaps.
    Unknown,
}

/// Types below belong to PostgreSQL itself.
const FIRST_OWN_OID: u32 = 16_384;

/// A parameter, or a literal that was made one.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) oid: u32,
    pub(super) kind: Type,
}

/// What was said of one text.
#[derive(Debug)]
pub(super) struct Analysis {
    /// The client's own parameters in their order.
    pub(super) parameters: Vec<Parameter>,
    /// The form of the question that was answered, and the types of the parameters behind the client's own: its literals.
    pub(super) literals: Option<(Variant, Vec<Parameter>)>,
    /// The columns of the result as the server describes them; none: no rows.
    pub(super) fields: Option<Vec<Field>>,
    /// The same columns' types.
    pub(super) types: Vec<Type>,
}

impl Analysis {
    /// Whether any parameter is ours.
    pub(super) fn seals_any(&self) -> bool {
        self.parameters.iter().any(|parameter| parameter.kind.is_class())
    }

    /// Whether the result that comes has the same encrypted columns.
    pub(super) fn has_result(&self, types: &[Type]) -> bool {
        let class = |kind: &Type| match kind {
            Type::Plain => None,
            Type::Class(class, _) => Some(class.cell_oid),
        };
        self.types.iter().map(class).eq(types.iter().map(class))
    }

    /// Whether any column of the result is ours.
    pub(super) fn opens(&self) -> bool {
        self.types.iter().any(Type::is_class)
    }
}

impl Type {
    pub(super) fn is_class(&self) -> bool {
        matches!(self, Self::Class(..))
    }

    /// The OID a client sees.
    pub(super) fn shown(&self, oid: u32) -> u32 {
        match self {
            Self::Plain => oid,
            Self::Class(class, Shape::Cell | Shape::Domain) => class.class.plain.oid(),
            Self::Class(class, Shape::CellArray | Shape::DomainArray) => class.class.plain.array_oid(),
        }
    }
}

/// What is known of a type.
pub(super) fn known(catalogue: &Catalogue, texts: &Texts, oid: u32) -> Known {
    if oid < FIRST_OWN_OID {
        return Known::Type(Type::Plain);
    }
    match catalogue.class_of(oid) {
        Some((class, shape)) => Known::Type(Type::Class(class, shape)),
        None if catalogue.is_ours(oid) => Known::Foreign,
        None if texts.is_plain(oid) => Known::Type(Type::Plain),
        None => Known::Unknown,
    }
}

/// What is known of several types at once.
pub(super) enum AllKnown {
    Types(Vec<Type>),
    Refused(Report),
    /// A fresh catalogue has to say what this one is.
    Unknown(u32),
}

/// What is known of several types.
pub(super) fn all_known(catalogue: &Catalogue, texts: &Texts, oids: impl Iterator<Item = u32>) -> AllKnown {
    let mut types = Vec::new();
    for oid in oids {
        match known(catalogue, texts, oid) {
            Known::Type(kind) => types.push(kind),
            Known::Foreign => return AllKnown::Refused(refusal::foreign_type(oid)),
            Known::Unknown => return AllKnown::Unknown(oid),
        }
    }
    AllKnown::Types(types)
}

/// A column as a client sees it, in the format that it asked for.
pub(super) fn shown_field(field: &Field, kind: &Type, format: Option<i16>) -> Field {
    let mut shown = field.clone();
    if let Type::Class(class, shape) = kind {
        let plain = &class.class.plain;
        shown.oid = kind.shown(field.oid);
        (shown.length, shown.modifier) = match shape {
            Shape::Cell | Shape::Domain => (plain.typlen(), plain.typmod()),
            Shape::CellArray | Shape::DomainArray => (-1, plain.typmod()),
        };
        if let Some(format) = format {
            shown.format = format;
        }
    }
    shown
}
