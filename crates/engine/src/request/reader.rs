//! Goes through a document once: checks it, counts it, and keeps what it says of procedures and of `sensitive`.
//!
//! `quick-xml` finds where each tag, comment and section ends and matches end tags with start tags. It leaves much of
//! what makes XML well-formed to its caller, and that is checked here and in the modules beside.

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::Event;

use super::mark::{self, Marks};
use super::namespace::Bindings;
use super::reference::{self, normalized};
use super::tag::{Attribute, Scanner, is_space};
use super::{DEPTH, NODES, Node, PROCEDURES, Position, Problem, Procedure, Request, RequestRefusal, declaration};

pub(super) fn read(document: &str) -> Result<Request, RequestRefusal> {
    let mut tokens = Reader::from_str(document);
    let mut walk = Walk::new(document);
    loop {
        let event = tokens.read_event().map_err(|error| walk.ill_formed(&error, tokens.error_position()))?;
        let end = usize::try_from(tokens.buffer_position()).unwrap_or(document.len());
        if matches!(event, Event::Eof) {
            return walk.ended();
        }
        walk.token(&event, end)?;
        walk.begin = end;
    }
}

struct Walk<'d> {
    document: &'d str,
    /// Where the token begins.
    begin: usize,
    nodes: usize,
    in_text: bool,
    root_seen: bool,
    open: Vec<Open>,
    bindings: Bindings<'d>,
    attributes: Vec<Attribute<'d>>,
    marks: Marks<'d>,
    found: Request,
}

/// An element that is open.
#[derive(Clone, Copy)]
struct Open {
    /// A mark in it, or above it, was seen.
    covered: bool,
    /// How many procedures were listed before it: it and all that is in it comes behind.
    listed: usize,
    /// How many listed elements are open, it among them.
    depth: u16,
    in_data: bool,
    /// Declarations of namespaces in force outside.
    bindings: usize,
}

impl<'d> Walk<'d> {
    fn new(document: &'d str) -> Self {
        Self {
            document,
            begin: 0,
            nodes: 0,
            in_text: false,
            root_seen: false,
            open: Vec::with_capacity(DEPTH),
            bindings: Bindings::default(),
            attributes: Vec::new(),
            marks: Marks::new(document),
            found: Request { sensitive: false, procedures: Vec::new() },
        }
    }

    fn token(&mut self, event: &Event<'_>, end: usize) -> Result<(), RequestRefusal> {
        match event {
            Event::Text(_) => return self.text(end),
            Event::GeneralRef(_) => return self.reference(end),
            _ => self.in_text = false,
        }
        match event {
            Event::Start(_) => self.element(end, 1)?,
            Event::Empty(_) => {
                self.element(end, 2)?;
                self.close();
            }
            Event::End(_) => {
                self.mark_if(end);
                self.close();
            }
            Event::CData(_) => self.section(end)?,
            Event::Comment(_) => self.comment(end)?,
            Event::Decl(_) if self.begin == 0 => declaration::check(self.document, end)?,
            Event::Decl(_) => return Err(Problem::Declaration.at(self.document, self.begin)),
            Event::PI(_) => return Err(RequestRefusal::ProcessingInstruction { at: self.position() }),
            Event::DocType(_) => return Err(RequestRefusal::DocumentType { at: self.position() }),
            Event::Text(_) | Event::GeneralRef(_) | Event::Eof => {}
        }
        Ok(())
    }

    /// What the tokenizer found wrong. Its own errors carry pieces of the document, and are dropped here.
    fn ill_formed(&self, error: &Error, offset: u64) -> RequestRefusal {
        let begins = |opening: &str| self.document.get(self.begin..).is_some_and(|rest| rest.starts_with(opening));
        let problem = match error {
            Error::Syntax(SyntaxError::UnclosedDoctype) | Error::IllFormed(IllFormedError::MissingDoctypeName) => {
                return RequestRefusal::DocumentType { at: self.position() };
            }
            Error::Syntax(SyntaxError::UnclosedCData) if !begins("<![CDATA[") => Problem::Markup,
            Error::Syntax(SyntaxError::UnclosedComment) if !begins("<!--") => Problem::Markup,
            Error::Syntax(SyntaxError::InvalidBangMarkup) => Problem::Markup,
            Error::Syntax(_) => Problem::Unclosed,
            Error::IllFormed(IllFormedError::MismatchedEndTag { .. } | IllFormedError::UnmatchedEndTag(_)) => {
                Problem::EndTag
            }
            Error::IllFormed(IllFormedError::UnclosedReference) => Problem::Reference,
            _ => Problem::Markup,
        };
        problem.at(self.document, usize::try_from(offset).unwrap_or(self.begin))
    }

    fn ended(self) -> Result<Request, RequestRefusal> {
        let problem = match (self.open.is_empty(), self.root_seen) {
            (true, true) => return Ok(self.found),
            (true, false) => Problem::NoRoot,
            (false, _) => Problem::Unclosed,
        };
        Err(problem.at(self.document, self.document.len()))
    }

    fn text(&mut self, end: usize) -> Result<(), RequestRefusal> {
        let text = self.document.get(self.begin..end).unwrap_or_default();
        if self.open.is_empty() {
            return match text.bytes().position(|byte| !is_space(byte)) {
                Some(at) => Err(Problem::OutsideRoot.at(self.document, self.begin + at)),
                None => Ok(()),
            };
        }
        let ends_section = |at: &usize| text.as_bytes().get(*at..).is_some_and(|rest| rest.starts_with(b"]]>"));
        if let Some(at) = memchr::memchr_iter(b']', text.as_bytes()).find(ends_section) {
            return Err(Problem::SectionEnd.at(self.document, self.begin + at));
        }
        self.begin_text()?;
        self.character_data(text, end);
        Ok(())
    }

    fn reference(&mut self, end: usize) -> Result<(), RequestRefusal> {
        if self.open.is_empty() {
            return Err(Problem::OutsideRoot.at(self.document, self.begin));
        }
        self.begin_text()?;
        let inner = self.document.get(self.begin + 1..end - 1).unwrap_or_default();
        let character = reference::resolve(inner, self.document, self.begin)?;
        self.character_data(character.encode_utf8(&mut [0; 4]), end);
        Ok(())
    }

    fn section(&mut self, end: usize) -> Result<(), RequestRefusal> {
        if self.open.is_empty() {
            return Err(Problem::OutsideRoot.at(self.document, self.begin));
        }
        self.count(1)?;
        let inner = self.document.get(self.begin + "<![CDATA[".len()..end - "]]>".len());
        self.character_data(inner.unwrap_or_default(), end);
        Ok(())
    }

    fn comment(&mut self, end: usize) -> Result<(), RequestRefusal> {
        self.count(1)?;
        // With the first hyphen of its end, which may not follow another one either.
        let begin = self.begin + "<!--".len();
        let inner = self.document.get(begin..end - "->".len()).unwrap_or_default();
        if let Some(at) = inner.find("--") {
            return Err(Problem::Comment.at(self.document, begin + at));
        }
        self.mark_if(end);
        Ok(())
    }

    fn character_data(&mut self, data: &str, end: usize) {
        if self.marks.goes_on(data) {
            self.mark();
        }
        self.mark_if(end);
    }

    /// A start tag, or an empty-element tag; `closing` is the length of its end.
    fn element(&mut self, end: usize, closing: usize) -> Result<(), RequestRefusal> {
        self.count(1)?;
        if self.open.is_empty() && self.root_seen {
            return Err(Problem::SecondRoot.at(self.document, self.begin));
        }
        if self.open.len() == DEPTH {
            return Err(RequestRefusal::TooDeep { at: self.position() });
        }
        let mut tag = Scanner::new(self.document, self.begin + 1, end - closing);
        let name = tag.name()?;
        tag.attributes(&mut self.attributes)?;
        self.count(self.attributes.len())?;
        let bindings = self.bindings.len();
        self.bindings.begin(name, &self.attributes, self.document, self.begin)?;
        if !self.root_seen && name.local() != "request" {
            return Err(RequestRefusal::NotARequest { at: self.position() });
        }
        self.root_seen = true;
        let outside = self.open.last().copied();
        let in_data = outside.is_some_and(|outside| outside.in_data);
        let node = Node::of(name.local()).filter(|_| !in_data);
        let covered = self.is_marked(name.local(), end) || outside.is_some_and(|outside| outside.covered);
        self.found.sensitive |= covered;
        let (listed, depth) = (self.found.procedures.len(), outside.map_or(0, |outside| outside.depth));
        if let Some(kind) = node {
            self.list(kind, covered, depth)?;
        }
        self.open.push(Open {
            covered,
            listed,
            depth: depth + u16::from(node.is_some()),
            in_data: in_data || name.local() == "data",
            bindings,
        });
        Ok(())
    }

    /// Whether the tag that ends at `end` speaks of the word in another way than the one that marks nothing.
    fn is_marked(&mut self, element: &str, end: usize) -> bool {
        let unmarked = |attribute: &&Attribute<'_>| mark::is_unmarked(attribute.name.as_written(), attribute.value);
        let spoken = self.marks.count_before(end);
        let exempt = if spoken == 0 { 0 } else { self.attributes.iter().filter(unmarked).count() };
        let ours = matches!(element, "request" | "data" | "procedure" | "execute");
        let lookalike = |attribute: &Attribute<'_>| !attribute.name.as_written().is_ascii();
        spoken > exempt || ours && self.attributes.iter().any(lookalike)
    }

    fn list(&mut self, kind: Node, sensitive: bool, depth: u16) -> Result<(), RequestRefusal> {
        if self.found.procedures.len() == PROCEDURES {
            return Err(RequestRefusal::TooManyProcedures { at: self.position() });
        }
        let value = |name: &str| {
            let attribute = self.attributes.iter().find(|attribute| attribute.name.as_written() == name)?;
            Some(normalized(attribute.value).into_owned())
        };
        let name = match kind {
            Node::Procedure => value("name"),
            Node::Execute => value("procedure").or_else(|| value("name")),
        };
        let (namespace, name) = (value("namespace").unwrap_or_default(), name.unwrap_or_default());
        self.found.procedures.push(Procedure { kind, namespace, name, sensitive, depth });
        Ok(())
    }

    fn close(&mut self) {
        if let Some(closed) = self.open.pop() {
            self.bindings.end(closed.bindings);
        }
    }

    /// Marks the open element when anything speaks of the word before `end`, in what is no start tag.
    fn mark_if(&mut self, end: usize) {
        if self.marks.count_before(end) > 0 {
            self.mark();
        }
    }

    fn mark(&mut self) {
        self.found.sensitive = true;
        let Some(open) = self.open.last_mut().filter(|open| !open.covered) else {
            return;
        };
        open.covered = true;
        for procedure in self.found.procedures.iter_mut().skip(open.listed) {
            procedure.sensitive = true;
        }
    }

    /// A stretch of text is one node, however many references are in it.
    fn begin_text(&mut self) -> Result<(), RequestRefusal> {
        let begins = !std::mem::replace(&mut self.in_text, true);
        self.count(usize::from(begins))
    }

    fn count(&mut self, nodes: usize) -> Result<(), RequestRefusal> {
        self.nodes += nodes;
        if self.nodes > NODES {
            return Err(RequestRefusal::TooManyNodes { at: self.position() });
        }
        Ok(())
    }

    fn position(&self) -> Position {
        Position::of(self.document.as_bytes(), self.begin)
    }
}

impl Node {
    fn of(element: &str) -> Option<Self> {
        match element {
            "procedure" => Some(Self::Procedure),
            "execute" => Some(Self::Execute),
            _ => None,
        }
    }
}
