//! Request documents: what marks them, whom a mark covers, and which procedures they name.

use proptest::prelude::*;
use strongroom_engine::request::{self, Node, Procedure, Request};

use crate::request_document::documents;

fn read(document: &str) -> Request {
    match request::read(document.as_bytes()) {
        Ok(request) => request,
        Err(refusal) => panic!("{document}: {refusal}"),
    }
}

/// The document, marked or not, and each of its procedures: `+` marked, `-` not.
fn check(document: &str, sensitive: bool, procedures: &str) {
    let read = read(document);
    let found: String = read.procedures.iter().map(|each| if each.sensitive { '+' } else { '-' }).collect();
    assert_eq!((read.sensitive, &*found), (sensitive, procedures), "{document}");
}

/// An `execute` with `attributes` and `content`, inside a document whose other nodes are not marked.
fn execute(attributes: &str, content: &str) -> String {
    let around = "<request xmlns:x='urn:x'><data/><procedure sensitive='no'><execute/>";
    format!("{around}<execute {attributes}>{content}</execute><execute/></procedure></request>")
}

#[test]
fn values_of_the_attribute() {
    let unmarked = ["0", "false", "no", "FALSE", "No", "nO", " no ", "\t0\n", "\r\nfalse\r\n"];
    for value in unmarked {
        check(&execute(&format!("sensitive=\"{value}\""), ""), false, "----");
        check(&execute(&format!("sensitive = '{value}'"), ""), false, "----");
    }
    let marked =
        ["1", "true", "yes", "YES", "TrUe", " 1\n", "", " ", "2", "00", "-0", "n", "none", "off", "null", "no no"];
    let tricks =
        ["&#48;", "&#x30;", "&#110;o", "no&#32;", "&quot;no&quot;", "\u{a0}no", "no\u{200b}", "ｎｏ", "ｆalse", "nо"];
    for value in marked.into_iter().chain(tricks) {
        check(&execute(&format!("sensitive=\"{value}\""), ""), true, "--+-");
    }
    check(&execute("", ""), false, "----");
}

#[test]
fn other_ways_to_write_the_word() {
    let tags = [
        "Sensitive='no'",
        "SENSITIVE='0'",
        "x:sensitive='no'",
        "x:sensitive='no' sensitive='no'",
        "xmlns:sensitive='urn:s'",
        "xmlns:sensitive='urn:s' sensitive:name='a'",
        "xmlns='urn:sensitive'",
        "name='sensitive'",
        "name=\" sensitive='no' \"",
        "name='&#115;'",
        "name='&#x000053;'",
        "caseSensitive='no'",
        "sensitiveness='no'",
        // Letters that look like those of the word, or that are made of it by folding case.
        "\u{455}ensitive='1'",
        "\u{17f}ensitive='1'",
        "sens\u{131}tive='1'",
        "ｓensitive='1'",
        "sensi\u{200d}tive='1'",
    ];
    for tag in tags {
        check(&execute(tag, ""), true, "--+-");
    }
    let held = [
        "<!-- sensitive -->",
        "<!--sensitive='no'-->",
        "<![CDATA[sensitive]]>",
        "<![CDATA[<execute sensitive=\"no\"/>]]>",
        "sensitive",
        "&lt;execute sensitive='1'/&gt;",
        "&#115;ensitive",
        "sen<!-- -->sitive",
        "sen<![CDATA[sitive]]>",
        "<![CDATA[s]]><![CDATA[ensitive]]>",
        "sens<![CDATA[ensitive]]>",
    ];
    for content in held {
        check(&execute("", content), true, "--+-");
    }
    // The mark of an element inside is not that of the one around it, only of the transaction.
    let elements = [
        "<x:sensitive/>",
        "<sensitive>no</sensitive>",
        "<user xmlns:sensitive='urn:s'/>",
        "<user x:sensitive='0'/>",
        "<user sensitive='maybe'/>",
    ];
    for content in elements {
        check(&execute("", content), true, "----");
    }
}

#[test]
fn what_is_near_the_word_marks_nothing() {
    for content in
        ["sensibly", "sen sitive", "sens<b/>e", "sensitiv", "ensitive", "&#233;&#48;&#10;&amp;#115;", "&lt;!--"]
    {
        check(&execute("name='sensitiv'", content), false, "----");
    }
    check(&execute("", "<user größe='1'/>"), false, "----");
}

#[test]
fn a_mark_covers_what_is_in_it_and_nothing_beside() {
    check("<request sensitive='1'><procedure><execute sensitive='no'/></procedure></request>", true, "++");
    let nested = "<request><procedure/><procedure sensitive='yes'><a><execute sensitive='0'><execute/></execute></a></procedure><execute/></request>";
    check(nested, true, "-+++-");
    check("<request><procedure><execute><execute sensitive='1'/></execute></procedure></request>", true, "--+");
    check("<request><data sensitive='1'/><procedure/></request>", true, "-");
    check("<request><procedure><execute/><data><password sensitive='1'/></data></procedure></request>", true, "--");
    // A comment marks what it lies in, also what came before it.
    let late =
        "<request><procedure/><procedure><execute/><!-- sensitive --><execute/></procedure><procedure/></request>";
    check(late, true, "-+++-");
    check("<request><procedure><execute/></procedure>sensitive</request>", true, "++");
    // Outside the root nothing is covered, and the transaction is marked.
    check("<!-- sensitive --><request><procedure/></request>", true, "-");
    check("<request><procedure/></request><!-- sensitive -->", true, "-");
    // A word that is cut marks where it ends.
    check("<request><procedure>sens</procedure><procedure>itive</procedure></request>", true, "-+");
}

#[test]
fn procedures_are_listed_in_order_with_what_they_name() {
    let document = "\u{feff}<?xml version='1.0' encoding='utf-8' standalone='yes' ?>
        <s:request id='7' xmlns:s='urn:spml'>
          <data><procedure name='no'/><x><execute procedure='no'/></x></data>
          <s:procedure namespace='Hosted &amp; Mail' name='Create\tUser'>
            <before/><execute namespace='Directory' procedure='Add' name='other'>
              <wrap><execute name='&#x41;dd'/></wrap></execute>
          </s:procedure>
          <execute s:name='prefixed' procedure=''/>
          <Procedure name='case'/>
        </s:request>
    ";
    let listed = |kind, namespace: &str, name: &str, sensitive, depth| Procedure {
        kind,
        namespace: namespace.into(),
        name: name.into(),
        sensitive,
        depth,
    };
    let expected = Request {
        sensitive: true,
        procedures: vec![
            listed(Node::Procedure, "Hosted & Mail", "Create User", false, 0),
            listed(Node::Execute, "Directory", "Add", false, 1),
            listed(Node::Execute, "", "Add", true, 2),
            listed(Node::Execute, "", "", false, 0),
        ],
    };
    assert_eq!(read(document), expected);
}

#[test]
fn the_example_of_the_specification() {
    let page = include_str!("../../../../docs/spec/request.md");
    let example = page.split("```xml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    check(example, true, "-++-");
    check(&example.replace(" sensitive=\"yes\"", ""), false, "----");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sensitive_is_what_has_a_mark(element in documents()) {
        prop_assert_eq!(request::read(element.document().as_bytes()), Ok(element.expected()));
    }
}
