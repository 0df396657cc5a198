#!/usr/bin/env python3
"""Reads request documents as docs/spec/request.md has it, with Python's own XML parser (expat).

Each line on standard input is a JSON object with "document" (hex). Each gets one line back, in order:
    {"ok": true, "sensitive": ..., "procedures": [[kind, namespace, name, sensitive, depth], ...]}
    {"ok": false, "error": why}
Well-formedness is expat's, twice: once with namespaces (xml.etree), once without, which shows names as
they are written. The limits of the page are not looked at.
"""

import json
import re
import sys
from xml.etree import ElementTree
from xml.parsers import expat

WORD = "sensitive"
SPACE = " \t\r\n"
LISTED = {"procedure", "execute"}
OURS = LISTED | {"request", "data"}
LETTER = re.compile(r"&#(x[0-9a-fA-F]+|[0-9]+);")
ATTRIBUTE = re.compile(r"""[ \t\r\n]+([^ \t\r\n=]+)[ \t\r\n]*=[ \t\r\n]*("[^"]*"|'[^']*')""")


class Refused(Exception):
    """Not to be read."""


class Element:
    def __init__(self, tag, attributes, parent):
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.local = tag.rpartition(":")[2]
        self.marked = False

    def ancestors(self):
        """Itself, and all that it lies in."""
        while self is not None:
            yield self
            self = self.parent

    def listed(self):
        inside = (ancestor.local for ancestor in self.ancestors() if ancestor is not self)
        return self.local in LISTED and "data" not in inside


def lower(text):
    """In lower case, ASCII letters only: a Kelvin sign is no k."""
    return "".join(c.lower() if c.isascii() else c for c in text)


def hides_letter(written):
    for number in LETTER.findall(written):
        code = int(number[1:], 16) if number[0] == "x" else int(number)
        if code < 128 and chr(code).isalpha():
            return True
    return False


def speaks(written):
    return WORD in lower(written) or hides_letter(written)


def tag_marks(element, written):
    """`written` is the start tag as it stands in the document."""
    if speaks(element.tag):
        return True
    begin = 1 + len(element.tag)
    while (match := ATTRIBUTE.match(written, begin)) is not None:
        begin = match.end()
        name, value = match[1], match[2][1:-1]
        unmarked = name == WORD and lower(value.strip(SPACE)) in {"0", "false", "no"}
        if not unmarked and (speaks(name) or speaks(value)):
            return True
        if element.local in OURS and not name.isascii():
            return True
    if not re.match(r"[ \t\r\n]*/?>", written[begin:]):
        raise AssertionError("a tag was taken apart wrongly")
    return False


class Reading:
    def __init__(self, document):
        self.text = document.decode("utf-8")
        self.document = document
        self.elements, self.outside, self.open = [], False, None
        self.letters = []  # of all character data: (letter, element)
        parser = self.parser = expat.ParserCreate()
        parser.ordered_attributes = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.data
        parser.CommentHandler = self.comment
        parser.StartDoctypeDeclHandler = lambda *_: self.refuse("document type")
        parser.ProcessingInstructionHandler = lambda *_: self.refuse("processing instruction")
        parser.XmlDeclHandler = self.declaration
        parser.Parse(document, True)
        self.cut_words()

    def refuse(self, why):
        raise Refused(why)

    def declaration(self, version, encoding, _standalone):
        if version != "1.0" or (encoding or "UTF-8").upper() != "UTF-8":
            self.refuse("declaration")

    def here(self):
        return self.document[self.parser.CurrentByteIndex :]

    def start(self, tag, attributes):
        pairs = dict(zip(attributes[::2], attributes[1::2]))
        self.open = Element(tag, pairs, self.open)
        self.elements.append(self.open)
        if self.open.parent is None and self.open.local != "request":
            self.refuse("not a request")
        self.open.marked = tag_marks(self.open, self.here().decode("utf-8"))

    def end(self, _tag):
        self.open = self.open.parent

    def data(self, text):
        self.letters.extend((letter, self.open) for letter in text)
        # A character that was written as a reference comes alone.
        if len(text) == 1:
            reference = LETTER.match(self.here()[:64].decode("utf-8", "ignore"))
            if reference is not None and hides_letter(reference[0]):
                self.open.marked = True
        elif hides_letter(text):  # In a CDATA section, as written; elsewhere the ampersand was one itself.
            if text.encode() == self.here()[: len(text.encode())]:
                self.open.marked = True

    def comment(self, text):
        if speaks(text):
            if self.open is None:
                self.outside = True
            else:
                self.open.marked = True

    def cut_words(self):
        text = lower("".join(letter for letter, _ in self.letters))
        at = text.find(WORD)
        while at >= 0:
            self.letters[at + len(WORD) - 1][1].marked = True
            at = text.find(WORD, at + 1)

    def answer(self):
        procedures = []
        for element in filter(Element.listed, self.elements):
            names = ("name",) if element.local == "procedure" else ("procedure", "name")
            given = [element.attributes[name] for name in names if name in element.attributes]
            above = list(element.ancestors())
            depth = sum(ancestor.listed() for ancestor in above) - 1
            marked = any(ancestor.marked for ancestor in above)
            namespace = element.attributes.get("namespace", "")
            procedures.append([element.local, namespace, (given or [""])[0], marked, depth])
        sensitive = self.outside or any(element.marked for element in self.elements)
        return {"ok": True, "sensitive": sensitive, "procedures": procedures}


def read(document):
    try:
        ElementTree.fromstring(document)
        return Reading(document).answer()
    except (Refused, ElementTree.ParseError, expat.ExpatError, UnicodeDecodeError, LookupError) as error:
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    sys.stdout.write(json.dumps(read(bytes.fromhex(json.loads(line)["document"]))) + "\n")
