//! Request documents: what a transaction is begun with, and whether anything in it is marked sensitive.
//!
//! `docs/spec/request.md` has the grammar, the marks and the limits. The rule behind the marks: a document may
//! speak of `sensitive` in one way without being sensitive, and every other way marks it.

mod declaration;
mod encoding;
mod mark;
mod namespace;
mod reader;
mod reference;
mod refusal;
mod tag;

pub use refusal::{Position, Problem, RequestRefusal};

/// The longest document.
pub const DOCUMENT_BYTES: usize = 1 << 20;
/// The most elements in one another.
pub const DEPTH: usize = 64;
/// The most elements, attributes, comments, CDATA sections and stretches of text.
pub const NODES: usize = 100_000;
/// The most attributes of one element, declarations of namespaces among them.
pub const ATTRIBUTES: usize = 256;
/// The most declarations of namespaces in force at one place.
pub const NAMESPACES: usize = 64;
/// The most `procedure` and `execute` elements.
pub const PROCEDURES: usize = 10_000;

/// What a request document says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whether anything in it is marked.
    pub sensitive: bool,
    /// Its `procedure` and `execute` elements, in document order.
    pub procedures: Vec<Procedure>,
}

/// A `procedure` or `execute` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Procedure {
    /// Which of the two.
    pub kind: Node,
    /// The namespace it names; empty when it names none.
    pub namespace: String,
    /// The procedure it names; empty when it names none.
    pub name: String,
    /// Whether it, or an element it lies in, is marked.
    pub sensitive: bool,
    /// How many listed elements it lies in.
    pub depth: u16,
}

/// The two elements that name a procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// `procedure`.
    Procedure,
    /// `execute`.
    Execute,
}

/// Reads a document, all of it, or refuses it.
pub fn read(document: &[u8]) -> Result<Request, RequestRefusal> {
    reader::read(encoding::decode(document)?)
}
