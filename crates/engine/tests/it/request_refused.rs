//! Request documents that are refused: each kind with its own refusal, at the place where it goes wrong.

use strongroom_engine::request::{
    self, ATTRIBUTES, DEPTH, DOCUMENT_BYTES, NAMESPACES, NODES, PROCEDURES, Position, Problem,
    RequestRefusal as Refusal,
};

fn at(line: usize, column: usize) -> Position {
    Position { line, column }
}

fn check(document: impl AsRef<[u8]>, expected: Refusal) {
    let document = document.as_ref();
    let shown = String::from_utf8_lossy(&document[..document.len().min(300)]);
    assert_eq!(request::read(document), Err(expected), "{shown}");
}

fn ill_formed(document: impl AsRef<[u8]>, problem: Problem, line: usize, column: usize) {
    check(document, Refusal::NotWellFormed { problem, at: at(line, column) });
}

#[test]
fn document_types_and_entities() {
    let declared = [
        "<!DOCTYPE request>",
        "<!doctype request []>",
        "<!DOCTYPE request SYSTEM 'file:///etc/passwd'>",
        "<!DOCTYPE request [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>",
        "<!DOCTYPE request [<!ENTITY x SYSTEM 'http://127.0.0.1:1/'>]>",
        "<!DOCTYPE request [<!ENTITY % p SYSTEM 'http://127.0.0.1:1/p.dtd'> %p;]>",
        "<!DOCTYPE request [<!ATTLIST execute sensitive CDATA 'no'>]>",
        "<!DOCTYPE request [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;'>]>",
        "<!DOCTYPE request [<!ENTITY",
        "<!DOCTYPE>",
    ];
    for doctype in declared {
        check(format!("\n {doctype}<request>&x;&c;</request>"), Refusal::DocumentType { at: at(2, 2) });
    }
    for entity in ["&x;", "&xxe;", "&nbsp;", "&LT;", "&größe;", "&a:b;"] {
        check(format!("<request>\n{entity}</request>"), Refusal::EntityReference { at: at(2, 1) });
        check(format!("<request\na='ü{entity}'/>"), Refusal::EntityReference { at: at(2, 5) });
    }
}

#[test]
fn other_encodings() {
    let text = "<request sensitive='1'/>";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let wide: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let wide_big: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    let mut documents = vec![[b"\xff\xfe", &little[..]].concat(), [b"\xfe\xff", &big[..]].concat()];
    documents.extend([little, big, wide, wide_big]);
    documents
        .extend(["+ADw-request sensitive=+ACI-1+ACI-/+AD4-", "+/v8-<request/>"].map(|text| text.as_bytes().to_vec()));
    for document in documents {
        check(document, Refusal::OtherEncoding { at: at(1, 1) });
    }
    for encoding in ["UTF-7", "utf-16", "ISO-8859-1", "US-ASCII", "UTF8", "", "windows-1252"] {
        let document = format!("<?xml version='1.0'\n encoding='{encoding}'?><request/>");
        check(document, Refusal::OtherEncoding { at: at(2, 2) });
    }
    // Latin-1, a surrogate, more bytes than needed for `<` and for `s`, a sequence that is cut.
    for bytes in [&b"\xe4"[..], b"\xed\xa0\x80", b"\xc0\xbc", b"\xc1\xb3ensitive", b"\xf0\x9f\x94"] {
        let document = [b"<request>\n\xc3\xa4x", bytes, b"</request>"].concat();
        check(document, Refusal::NotUtf8 { at: at(2, 3) });
    }
    assert!(request::read(b"\xef\xbb\xbf<request/>").is_ok());
    ill_formed("\u{feff}\u{feff}<request/>", Problem::OutsideRoot, 1, 1);
    ill_formed("\u{feff} <?xml version='1.0'?><request/>", Problem::Declaration, 1, 2);
}

#[test]
fn processing_instructions_and_declarations() {
    for instruction in
        ["<?a?>", "<?xml-stylesheet href='http://127.0.0.1:1/'?>", "<?sensitive no?>", "<?XML version='1.0'?>"]
    {
        check(format!("<request>\n{instruction}</request>"), Refusal::ProcessingInstruction { at: at(2, 1) });
        check(format!("{instruction}<request/>"), Refusal::ProcessingInstruction { at: at(1, 1) });
    }
    let wrong = [
        "<?xml?>",
        "<?xml ?>",
        "<?xml version='1.1'?>",
        "<?xml version='1.0' sensitive='no'?>",
        "<?xml encoding='UTF-8'?>",
        "<?xml encoding='UTF-8' version='1.0'?>",
        "<?xml version='1.0'encoding='UTF-8'?>",
        "<?xml version='1.0' standalone='maybe'?>",
        "<?xml version='1.0' standalone='yes' encoding='UTF-8'?>",
        "<?xml version='1.0' version='1.0'?>",
        "<?xml version=1.0?>",
    ];
    for declaration in wrong {
        ill_formed(format!("{declaration}<request/>"), Problem::Declaration, 1, 1);
    }
    ill_formed("\n<?xml version='1.0'?><request/>", Problem::Declaration, 2, 1);
    ill_formed("<request><?xml version='1.0'?></request>", Problem::Declaration, 1, 10);
}

#[test]
fn what_is_not_a_request() {
    for document in
        ["<Request/>", "<requests/>", "<x><request/></x>", "<html><body/></html>", "<x:y xmlns:x='request'/>"]
    {
        check(document, Refusal::NotARequest { at: at(1, 1) });
    }
    for document in ["", " \n", "<!-- only -->", "<?xml version='1.0'?>"] {
        let (line, column) = if document == " \n" { (2, 1) } else { (1, 1 + document.len()) };
        ill_formed(document, Problem::NoRoot, line, column);
    }
}

#[test]
fn what_is_not_well_formed() {
    for (document, problem, column) in ILL_FORMED {
        ill_formed(document, problem, 1, column);
        // The place moves with what comes before.
        if !matches!(problem, Problem::OutsideRoot) {
            ill_formed(format!("<!-- äöü\n-->\n{document}"), problem, 3, column);
        }
    }
    // What looks wrong and is right.
    let right = "<request xmlns:x='u' a='>' b=\"'\"\n\tc = '\"' xml:lang='de' ><a:b xmlns:a='http://www.w3.org/a'\
        \u{20}a:c='1' c='2'/>]] > &#x10ffff;&#xD;<x:ä.-·1/><!----><![CDATA[]]]]><a xmlns=''/></request\n>";
    assert!(request::read(right.as_bytes()).is_ok_and(|read| !read.sensitive));
}

/// A document, what is wrong with it, and in which column.
const ILL_FORMED: [(&str, Problem, usize); 74] = [
    ("<request>a\u{1}</request>", Problem::Character, 11),
    ("<request>\0</request>", Problem::Character, 10),
    ("<request>\u{fffe}</request>", Problem::Character, 10),
    ("<request a='\u{ffff}'/>", Problem::Character, 13),
    ("<request/>x", Problem::OutsideRoot, 11),
    ("{\"request\":1}", Problem::OutsideRoot, 1),
    ("&lt;<request/>", Problem::OutsideRoot, 1),
    ("<request/><![CDATA[]]>", Problem::OutsideRoot, 11),
    ("\u{a0}<request/>", Problem::OutsideRoot, 1),
    ("<request/><request/>", Problem::SecondRoot, 11),
    ("<request></Request>", Problem::EndTag, 10),
    ("<request><a></request></a>", Problem::EndTag, 13),
    ("<request></request></request>", Problem::EndTag, 20),
    ("<request></request a='1'>", Problem::EndTag, 10),
    ("<request></ request>", Problem::EndTag, 10),
    ("<request xmlns:x='u' xmlns:y='u'><x:a></y:a></request>", Problem::EndTag, 39),
    ("<request>", Problem::Unclosed, 10),
    ("<request", Problem::Unclosed, 1),
    ("<request a='", Problem::Unclosed, 1),
    ("<request><!-- </request>", Problem::Unclosed, 10),
    ("<request><![CDATA[ </request>", Problem::Unclosed, 10),
    ("<request><a", Problem::Unclosed, 10),
    ("<request><!ENTITY a 'b'></request>", Problem::Markup, 10),
    ("<request><![cdata[a]]></request>", Problem::Markup, 10),
    ("<request>< a/></request>", Problem::Name, 11),
    ("<request><></></request>", Problem::Name, 11),
    ("<request><1a/></request>", Problem::Name, 11),
    ("<request><:a/></request>", Problem::Name, 11),
    ("<request><a:/></request>", Problem::Name, 11),
    ("<request><a:b:c/></request>", Problem::Name, 11),
    ("<request><a:1/></request>", Problem::Name, 11),
    ("<request><a\u{d7}/></request>", Problem::Attribute, 12),
    ("<request><a b/></request>", Problem::Attribute, 14),
    ("<request><a b=c/></request>", Problem::Attribute, 15),
    ("<request><a b='1'c='2'/></request>", Problem::Attribute, 18),
    ("<request><a b='<'/></request>", Problem::Attribute, 16),
    ("<request><a/b='1'></request>", Problem::Attribute, 12),
    ("<request><a b='1'/ ></a></request>", Problem::Attribute, 18),
    ("<request><a ='1'/></request>", Problem::Name, 13),
    ("<request><a\u{a0}b='1'/></request>", Problem::Attribute, 12),
    ("<request><a b='1' b='2'/></request>", Problem::AttributeTwice, 10),
    ("<request><a sensitive='no' sensitive='no'/></request>", Problem::AttributeTwice, 10),
    ("<request xmlns:x='u' xmlns:y='&#117;'><a x:b='' y:b=''/></request>", Problem::AttributeTwice, 39),
    ("<request xmlns:x='u' xmlns:x='v'/>", Problem::AttributeTwice, 1),
    ("<request xmlns='u' xmlns='u'/>", Problem::AttributeTwice, 1),
    ("<request><x:a/></request>", Problem::Prefix, 10),
    ("<request><a x:sensitive='1'/></request>", Problem::Prefix, 13),
    ("<request><a xmlns:x='u'/><x:a/></request>", Problem::Prefix, 26),
    ("<request><xmlns:a/></request>", Problem::Prefix, 10),
    ("<request xmlns:x=''/>", Problem::Namespace, 10),
    ("<request xmlns:xml='u'/>", Problem::Namespace, 10),
    ("<request xmlns:xmlns='u'/>", Problem::Namespace, 10),
    ("<request xmlns:x='http://www.w3.org/2000/xmlns/'/>", Problem::Namespace, 10),
    ("<request xmlns='http://www.w3.org/XML/1998/namespace'/>", Problem::Namespace, 10),
    ("<request><!-- a--b --></request>", Problem::Comment, 16),
    ("<request><!-- a- ---></request>", Problem::Comment, 18),
    ("<request><!----->--></request>", Problem::Comment, 14),
    ("<request><!--></request>", Problem::Unclosed, 10),
    ("<request><!---></request>", Problem::Unclosed, 10),
    ("<request>a]]>b</request>", Problem::SectionEnd, 11),
    ("<request>a & b</request>", Problem::Reference, 12),
    ("<request>a&b</request>", Problem::Reference, 11),
    ("<request>a&;</request>", Problem::Reference, 11),
    ("<request>&#;</request>", Problem::Reference, 10),
    ("<request>&#x;</request>", Problem::Reference, 10),
    ("<request>&#X41;</request>", Problem::Reference, 10),
    ("<request>&#+65;</request>", Problem::Reference, 10),
    ("<request>&#0;</request>", Problem::Reference, 10),
    ("<request>&#xd800;</request>", Problem::Reference, 10),
    ("<request>&#xffff;</request>", Problem::Reference, 10),
    ("<request>&#x110000;</request>", Problem::Reference, 10),
    ("<request>&#99999999999999999999;</request>", Problem::Reference, 10),
    ("<request a='b&'/>", Problem::Reference, 14),
    ("<request a='&#1;'/>", Problem::Reference, 13),
];

#[test]
fn limits_are_exact() {
    let nested = |depth: usize| format!("<request>{}{}</request>", "<a>".repeat(depth - 1), "</a>".repeat(depth - 1));
    assert!(request::read(nested(DEPTH).as_bytes()).is_ok());
    check(nested(DEPTH + 1), Refusal::TooDeep { at: at(1, 10 + 3 * (DEPTH - 1)) });
    check(nested(DEPTH).replace("<a></a>", "<a><b/></a>"), Refusal::TooDeep { at: at(1, 10 + 3 * (DEPTH - 1)) });

    // The root, and on each line a line feed, an element, its attribute, a comment, a section and a text with references.
    let nodes = |lines: usize, more: &str| {
        format!("<request>{}{more}</request>", "\n<a b=''><!----><![CDATA[]]>x&lt;y&gt;</a>".repeat(lines))
    };
    let (lines, rest) = ((NODES - 1) / 6, (NODES - 1) % 6);
    assert_eq!(rest, 3);
    assert!(request::read(nodes(lines, "<a/><a/><a/>").as_bytes()).is_ok());
    check(nodes(lines, "<a/><a/><a/>z"), Refusal::TooManyNodes { at: at(lines + 1, 42 + 12) });
    check(nodes(lines, "<a/><a/><a b='1'/>"), Refusal::TooManyNodes { at: at(lines + 1, 42 + 8) });

    let attributes = |count: usize| {
        let attributes: String = (0..count).map(|n| format!("\na{n}=''")).collect();
        format!("<request{attributes}/>")
    };
    assert!(request::read(attributes(ATTRIBUTES).as_bytes()).is_ok());
    check(attributes(ATTRIBUTES + 1), Refusal::TooManyAttributes { at: at(ATTRIBUTES + 2, 1) });

    let namespaces = |inside: usize| {
        let declared =
            |range: std::ops::Range<usize>| range.map(|n| format!("\nxmlns:n{n}='urn:{n}'")).collect::<String>();
        let beside = format!("<a{}/>", declared(0..inside)).repeat(3);
        format!("<request{}>{beside}</request>", declared(0..NAMESPACES - 10))
    };
    assert!(request::read(namespaces(10).as_bytes()).is_ok());
    check(namespaces(11), Refusal::TooManyNamespaces { at: at(NAMESPACES - 10 + 1 + 11, 1) });

    let procedures = |count: usize| format!("<request>{}</request>", "\n<execute/>".repeat(count));
    assert_eq!(request::read(procedures(PROCEDURES).as_bytes()).unwrap().procedures.len(), PROCEDURES);
    check(procedures(PROCEDURES + 1), Refusal::TooManyProcedures { at: at(PROCEDURES + 2, 1) });

    let long = |bytes: usize| format!("<request>{}</request>", " ".repeat(bytes - "<request></request>".len()));
    assert!(request::read(long(DOCUMENT_BYTES).as_bytes()).is_ok());
    check(long(DOCUMENT_BYTES + 1), Refusal::TooLarge { bytes: DOCUMENT_BYTES + 1 });
}

/// What a document says may be secret, and an error text goes to logs.
#[test]
fn a_refusal_says_nothing_of_the_document() {
    let canary = "c4n4ry";
    let documents = [
        format!("<request><{canary}></{canary}x></request>"),
        format!("<request></{canary}>"),
        format!("<request>&{canary};</request>"),
        format!("<request><a {canary}='1' {canary}='1'/></request>"),
        format!("<request><{canary}:a/></request>"),
        format!("<request xmlns:{canary}=''/>"),
        format!("<?xml version='{canary}'?><request/>"),
        format!("<?xml version='1.0' encoding='{canary}'?><request/>"),
        format!("<!DOCTYPE {canary}><request/>"),
        format!("<?{canary}?><request/>"),
        format!("<{canary}/>"),
        format!("<request/>{canary}"),
        format!("<request><![{canary}[]]></request>"),
        format!("<request><a b={canary}/></request>"),
        format!("<request>&#{canary};</request>"),
        format!("<request><!--{canary}--{canary}--></request>"),
        format!("<request><!-- {canary}"),
    ];
    for document in documents {
        let refusal = request::read(document.as_bytes()).unwrap_err();
        let said = format!("{refusal} {refusal:?}");
        assert!(!said.contains("c4n") && said.contains("line"), "{said}");
    }
}
