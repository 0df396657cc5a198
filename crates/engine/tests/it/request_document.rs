//! Makes request documents at random, and knows of each which of its elements are marked.

use proptest::prelude::*;
use strongroom_engine::request::{Node, Procedure, Request};

/// An element with all that is in it.
#[derive(Debug, Clone)]
pub struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, &'static str, &'static str)>,
    mark: Mark,
    content: Vec<Content>,
}

#[derive(Debug, Clone)]
enum Content {
    Element(Element),
    Piece(&'static str),
}

/// How an element speaks of the word: in its tag, or in what it holds.
#[derive(Debug, Clone, Copy)]
enum Mark {
    None,
    /// An attribute that marks nothing.
    Unmarked(&'static str),
    Attribute(&'static str),
    Held(&'static str),
}

const ROOTS: [&str; 2] = ["request", "x:request"];
const ELEMENTS: [&str; 9] =
    ["procedure", "execute", "execute", "x:execute", "data", "before", "x:entry", "größe", "Procedure"];
const UNMARKED: [&str; 6] = [
    "sensitive=\"0\"",
    "sensitive='no'",
    "sensitive = \"False\"",
    "sensitive=\" NO\n\"",
    "sensitive='\tfAlSe'",
    "sensitive\n=\r\n'0'",
];
const MARKING: [&str; 26] = [
    "sensitive=\"1\"",
    "sensitive='true'",
    "sensitive=\"YES\"",
    "sensitive=\" yes\t\"",
    "sensitive=''",
    "sensitive=\"00\"",
    "sensitive=\"off\"",
    "sensitive=\"&#48;\"",
    "sensitive=\"n&#x6f;\"",
    "sensitive='no&#32;'",
    "sensitive='\u{a0}no'",
    "sensitive='ｎｏ'",
    "Sensitive='no'",
    "SENSITIVE=\"0\"",
    "x:sensitive='no'",
    "x:sensitive=\"1\" sensitive=\"no\"",
    "xmlns:sensitive='urn:s' sensitive='0'",
    "xmlns:s='urn:sensitive'",
    "sensitive=\"no\" note='sensitive'",
    "caseSensitive='no'",
    "insensitive=\"0\" sensitive=\"0\"",
    "note=\" sensitive='no' \"",
    "note='SenSitive'",
    "note='&#115;'",
    "note='&#x0000053;x'",
    "note=\"a&#97;\"",
];
const HELD: [&str; 13] = [
    "<!-- sensitive -->",
    "<!--<execute sensitive='no'/>-->",
    "<!-- &#115; -->",
    "<![CDATA[<execute SENSITIVE=\"0\"/>]]>",
    "<![CDATA[&#x53;ensitive]]>",
    "sensitive",
    "&lt;execute sensitive=\"no\"/&gt;",
    "&#115;ensitive",
    "sen<!-- -->sitive",
    "sen<![CDATA[sit]]>ive",
    "s<![CDATA[]]>ensitiv<!--x-->e",
    "sensen<!---->sitive",
    "a&#83;b",
];
/// None of them ends or begins as the word does, so that no two make it up.
const PIECES: [&str; 13] = [
    "\n    ",
    "Maria Keller",
    " sensibly ",
    "&lt;data&gt; &amp;amp; &quot;&apos;",
    "&#228;&#x1f511;&#10;&#48;",
    "<!-- a comment -->",
    "<!---->",
    "<![CDATA[<execute> & ]] > ]]>",
    "<![CDATA[]]>",
    "größer als 3 > 2 ",
    "日本語",
    "sens",
    " sensitiv ",
];
const ATTRIBUTES: [(&str, &str, &str); 8] = [
    ("name", "CreateUser", "CreateUser"),
    ("name", "a&amp;b &lt;\n&#xe4;&#10;>", "a&b < ä\n>"),
    ("namespace", "Hosted\tMail\r\n1", "Hosted Mail 1"),
    ("namespace", "'Directory'", "'Directory'"),
    ("procedure", "AddToGroup", "AddToGroup"),
    ("procedure", "", ""),
    ("x:name", "other", "other"),
    ("id", "7f3c", "7f3c"),
];

/// Documents of up to 40 elements below the root, of which few are marked.
pub fn documents() -> impl Strategy<Value = Element> {
    let piece = || proptest::sample::select(&PIECES[..]).prop_map(Content::Piece);
    let leaf = element(ELEMENTS.to_vec(), prop::collection::vec(piece(), 0..3).boxed());
    let any = leaf.prop_recursive(6, 40, 5, move |inner| {
        let content = prop_oneof![piece(), inner.prop_map(Content::Element)];
        element(ELEMENTS.to_vec(), prop::collection::vec(content, 0..6).boxed())
    });
    let content = prop_oneof![piece(), any.prop_map(Content::Element)];
    element(ROOTS.to_vec(), prop::collection::vec(content, 0..6).boxed())
}

fn element(names: Vec<&'static str>, content: BoxedStrategy<Vec<Content>>) -> BoxedStrategy<Element> {
    let mark = prop_oneof![
        30 => Just(Mark::None),
        6 => proptest::sample::select(&UNMARKED[..]).prop_map(Mark::Unmarked),
        1 => proptest::sample::select(&MARKING[..]).prop_map(Mark::Attribute),
        1 => proptest::sample::select(&HELD[..]).prop_map(Mark::Held),
    ];
    let attributes = proptest::sample::subsequence(&ATTRIBUTES[..], 0..4);
    (proptest::sample::select(names), attributes, mark, content)
        .prop_map(|(name, mut attributes, mark, content)| {
            attributes.dedup_by_key(|attribute| attribute.0);
            Element { name, attributes, mark, content }
        })
        .boxed()
}

impl Element {
    /// The document, with a declaration of the one prefix that is used.
    pub fn document(&self) -> String {
        let mut text = String::from("<?xml version='1.0' encoding=\"utf-8\"?>\n<!-- made at random -->\n");
        self.write(&mut text, " xmlns:x='urn:x'");
        text + "\n"
    }

    /// What must be read from it.
    pub fn expected(&self) -> Request {
        let mut request = Request { sensitive: false, procedures: Vec::new() };
        self.expect(false, false, 0, &mut request);
        request
    }

    fn write(&self, text: &mut String, declared: &str) {
        text.push_str(&format!("<{}{declared}", self.name));
        if let Mark::Unmarked(mark) | Mark::Attribute(mark) = self.mark {
            text.push_str(&format!(" {mark}"));
        }
        for (name, written, _) in &self.attributes {
            text.push_str(&format!("\n\t{name} = \"{written}\""));
        }
        if self.content.is_empty() && !matches!(self.mark, Mark::Held(_)) {
            text.push_str("/>");
            return;
        }
        text.push('>');
        for content in &self.content {
            match content {
                Content::Element(element) => element.write(text, ""),
                Content::Piece(piece) => {
                    text.push_str(piece);
                    text.push('.');
                }
            }
        }
        if let Mark::Held(mark) = self.mark {
            text.push_str(&format!(".{mark}."));
        }
        text.push_str(&format!("</{} >", self.name));
    }

    fn expect(&self, covered: bool, in_data: bool, depth: u16, request: &mut Request) {
        let marked = covered || matches!(self.mark, Mark::Attribute(_) | Mark::Held(_));
        request.sensitive |= marked;
        let local = self.name.strip_prefix("x:").unwrap_or(self.name);
        let kind = match local {
            "procedure" if !in_data => Some(Node::Procedure),
            "execute" if !in_data => Some(Node::Execute),
            _ => None,
        };
        if let Some(kind) = kind {
            let value = |name| self.attributes.iter().find(|attribute| attribute.0 == name).map(|found| found.2);
            let name = if kind == Node::Execute { value("procedure").or(value("name")) } else { value("name") };
            request.procedures.push(Procedure {
                kind,
                namespace: value("namespace").unwrap_or_default().to_owned(),
                name: name.unwrap_or_default().to_owned(),
                sensitive: marked,
                depth,
            });
        }
        for content in &self.content {
            if let Content::Element(element) = content {
                let depth = depth + u16::from(kind.is_some());
                element.expect(marked, in_data || local == "data", depth, request);
            }
        }
    }
}
