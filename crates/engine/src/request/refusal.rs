//! Why a document is refused: what is wrong and where, and nothing of what it says.

use std::fmt;

use super::{ATTRIBUTES, DEPTH, DOCUMENT_BYTES, NAMESPACES, NODES, PROCEDURES};

/// Why a document is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestRefusal {
    /// More than [`DOCUMENT_BYTES`].
    #[error("the request document has {bytes} bytes, more than {DOCUMENT_BYTES}: split the request")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// It begins as another encoding does, or declares one.
    #[error("{at}: the request document has another encoding than UTF-8: save it as UTF-8")]
    OtherEncoding {
        /// Where that shows.
        at: Position,
    },
    /// Bytes that are no UTF-8.
    #[error("{at}: the request document is not UTF-8: save it as UTF-8")]
    NotUtf8 {
        /// The first of them.
        at: Position,
    },
    /// A document type declaration.
    #[error("{at}: the request document has a document type declaration (DTD): remove it")]
    DocumentType {
        /// Where it begins.
        at: Position,
    },
    /// A reference to an entity that XML does not predefine.
    #[error("{at}: a reference to an entity: write what it stands for; only lt, gt, amp, quot and apos are known")]
    EntityReference {
        /// Where it begins.
        at: Position,
    },
    /// A processing instruction.
    #[error("{at}: a processing instruction: remove it")]
    ProcessingInstruction {
        /// Where it begins.
        at: Position,
    },
    /// Not XML.
    #[error("{at}: the request document is not well-formed XML: {problem}")]
    NotWellFormed {
        /// What is wrong.
        problem: Problem,
        /// Where.
        at: Position,
    },
    /// XML, and no request.
    #[error("{at}: the root element of a request document is `request`, and this one has another")]
    NotARequest {
        /// Where the root begins.
        at: Position,
    },
    /// More than [`DEPTH`].
    #[error("{at}: more than {DEPTH} elements in one another")]
    TooDeep {
        /// Where the first one too many begins.
        at: Position,
    },
    /// More than [`NODES`].
    #[error("{at}: more than {NODES} elements, attributes, comments, sections and texts: split the request")]
    TooManyNodes {
        /// Where the first one too many begins.
        at: Position,
    },
    /// More than [`ATTRIBUTES`].
    #[error("{at}: more than {ATTRIBUTES} attributes on one element")]
    TooManyAttributes {
        /// Where the first one too many begins.
        at: Position,
    },
    /// More than [`NAMESPACES`].
    #[error("{at}: more than {NAMESPACES} declarations of namespaces in force at one place")]
    TooManyNamespaces {
        /// Where the first one too many begins.
        at: Position,
    },
    /// More than [`PROCEDURES`].
    #[error("{at}: more than {PROCEDURES} `procedure` and `execute` elements: split the request")]
    TooManyProcedures {
        /// Where the first one too many begins.
        at: Position,
    },
}

/// What is not well-formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A character that XML does not allow at all.
    #[error("a character that XML does not allow")]
    Character,
    /// Nothing but white space, comments and one element may stand at the top.
    #[error("something outside the root element")]
    OutsideRoot,
    /// The document ends without an element.
    #[error("there is no element")]
    NoRoot,
    /// A second element at the top.
    #[error("a second root element")]
    SecondRoot,
    /// An end tag without its start tag.
    #[error("an end tag that does not match the open element")]
    EndTag,
    /// The document ends inside of something.
    #[error("the document ends inside an element, tag, comment or section: is it complete?")]
    Unclosed,
    /// `<` before something that is no tag, comment or section.
    #[error("`<` that begins no tag, comment or section: write &lt; in text")]
    Markup,
    /// Two hyphens in a comment.
    #[error("two hyphens inside a comment")]
    Comment,
    /// `]]>` in text.
    #[error("`]]>` in text: write ]]&gt;")]
    SectionEnd,
    /// `&` before something that is no reference to a character or an entity.
    #[error("`&` that begins no reference, or a reference to a character that XML does not allow: write &amp; in text")]
    Reference,
    /// A name that is none.
    #[error("a name was expected, with at most one colon")]
    Name,
    /// An attribute that is not name, equals sign and quoted value.
    #[error("an attribute is written name=\"value\", after white space, and without `<` in the value")]
    Attribute,
    /// One attribute twice on one element.
    #[error("the same attribute twice on one element")]
    AttributeTwice,
    /// A prefix without a declaration.
    #[error("a prefix that is not declared")]
    Prefix,
    /// A declaration of a namespace that is not allowed.
    #[error("a declaration of a namespace that is reserved, or of an empty one for a prefix")]
    Namespace,
    /// The XML declaration is not as it must be, or not at the start.
    #[error("the XML declaration is not at the start, or not <?xml version=\"1.0\" encoding=\"UTF-8\"?>")]
    Declaration,
}

impl Problem {
    pub(super) fn at(self, document: &str, offset: usize) -> RequestRefusal {
        RequestRefusal::NotWellFormed { problem: self, at: Position::of(document.as_bytes(), offset) }
    }
}

/// A place in a document, from 1. Columns count characters; the byte order mark is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line; lines end with a line feed.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    /// Of a byte. What follows the last UTF-8 before it does not matter.
    pub(super) fn of(document: &[u8], offset: usize) -> Self {
        let before = document.get(..offset).unwrap_or(document);
        let begun = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let starts_character = |byte: &&u8| **byte & 0xc0 != 0x80;
        Self {
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            column: 1 + before.iter().skip(begun).filter(starts_character).count(),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}, column {}", self.line, self.column)
    }
}
