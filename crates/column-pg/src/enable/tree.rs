//! A view as PostgreSQL keeps it: the nodes of its query, as text. Whether it shows cells as something else than cells is seen there,
//! whatever its columns are called on the way.

use std::collections::HashSet;

/// A node: `{KIND :field value …}`, with the nodes in it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Node<'t> {
    words: Vec<&'t str>,
    children: Vec<Self>,
}

/// What a view must not do.
pub(super) struct Telltale {
    /// Types of cells, arrays of them, and rows that hold them.
    pub types: HashSet<String>,
    /// Of these the types of rows.
    pub rows: HashSet<String>,
    /// Functions that take a value of whatever type and make text or a document of it.
    pub functions: HashSet<String>,
}

/// Nodes that are what the nodes in them are.
const PASSING: [&str; 5] = ["TARGETENTRY", "SUBLINK", "QUERY", "ROW", "ROWEXPR"];
/// `||` of a text and anything, and the other way round.
const JOINING: [&str; 2] = ["2779", "2780"];

impl Telltale {
    /// Whether the view makes text or documents of cells, or cells of text, or shows rows that hold cells.
    pub fn shows_in(&self, tree: &str) -> bool {
        let root = parse(tree);
        // How deep it goes is for whoever made the view to say.
        let mut waiting = vec![&root];
        while let Some(node) = waiting.pop() {
            if self.tells(node) {
                return true;
            }
            waiting.extend(&node.children);
        }
        false
    }

    fn tells(&self, node: &Node<'_>) -> bool {
        let field =
            |name: &str| node.words.windows(2).find_map(|pair| if pair[0] == name { Some(pair[1]) } else { None });
        let is = |name: &str, values: &HashSet<String>| field(name).is_some_and(|value| values.contains(value));
        let converts = match node.words.first().copied().unwrap_or_default() {
            "VAR" => return field(":varattno") == Some("0") && is(":vartype", &self.rows),
            "COERCEVIAIO" if is(":resulttype", &self.types) => return true,
            "COERCEVIAIO" | "XMLEXPR" | "JSONCONSTRUCTOREXPR" | "JSONEXPR" => true,
            "OPEXPR" => field(":opno").is_some_and(|operator| JOINING.contains(&operator)),
            "FUNCEXPR" => is(":funcid", &self.functions),
            "AGGREF" => is(":aggfnoid", &self.functions),
            "WINDOWFUNC" => is(":winfnoid", &self.functions),
            _ => false,
        };
        converts && node.children.iter().any(|child| self.is_cell(child))
    }

    /// Whether a node is a cell, or holds one as what it is.
    fn is_cell(&self, node: &Node<'_>) -> bool {
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            if node.words.iter().any(|word| self.types.contains(*word)) {
                return true;
            }
            if node.words.first().is_some_and(|kind| PASSING.contains(kind)) {
                waiting.extend(&node.children);
            }
        }
        false
    }
}

/// Reads a tree; a backslash makes the next character part of its word. What is outside of all nodes is in the one that is
/// returned.
fn parse(text: &str) -> Node<'_> {
    let mut open = vec![Node::default()];
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match first {
            '{' => open.push(Node::default()),
            '}' => {
                if let (Some(node), Some(parent)) = (open.pop(), open.last_mut()) {
                    parent.children.push(node);
                }
                if open.is_empty() {
                    open.push(Node::default());
                }
            }
            '(' | ')' => {}
            blank if blank.is_whitespace() => {}
            _ => {
                let end = end_of_word(rest);
                if let (Some(node), Some(word)) = (open.last_mut(), rest.get(..end)) {
                    node.words.push(word);
                }
                rest = rest.get(end..).unwrap_or_default();
                continue;
            }
        }
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
    }
    while open.len() > 1 {
        if let (Some(node), Some(parent)) = (open.pop(), open.last_mut()) {
            parent.children.push(node);
        }
    }
    open.pop().unwrap_or_default()
}

fn end_of_word(text: &str) -> usize {
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '{' | '}' | '(' | ')' => return at,
            blank if blank.is_whitespace() => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn telltale() -> Telltale {
        let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Telltale { types: set(&["900", "901"]), rows: set(&["901"]), functions: set(&["77"]) }
    }

    #[test]
    fn conversions_of_cells_are_seen_wherever_they_are() {
        for tree in [
            "({QUERY :targetList ({TARGETENTRY :expr {COERCEVIAIO :arg {VAR :varno 1 :varattno 2 :vartype 900} :resulttype 25}})})",
            "({FUNCEXPR :funcid 77 :args ({CONST :consttype 25} {VAR :varattno 2 :vartype 900})})",
            "({AGGREF :aggfnoid 77 :args ({TARGETENTRY :expr {VAR :varattno 2 :vartype 900}})})",
            "({OPEXPR :opno 2779 :args ({RELABELTYPE :arg {VAR :vartype 1} :resulttype 900} {CONST :x 1})})",
            "({COERCEVIAIO :arg {ROWEXPR :args ({VAR :varattno 1 :vartype 900}) :row_typeid 2249} :resulttype 25})",
            "({COERCEVIAIO :arg {SUBLINK :subselect {QUERY :targetList ({TARGETENTRY :expr {VAR :vartype 900}})}} :resulttype 25})",
            "({COERCEVIAIO :arg {VAR :vartype 25} :resulttype 900})",
            "({TARGETENTRY :expr {VAR :varattno 0 :vartype 901} :resname a\\ \\{b})",
        ] {
            assert!(telltale().shows_in(tree), "{tree}");
        }
    }

    #[test]
    fn cells_that_stay_cells_are_let_be() {
        for tree in [
            "({TARGETENTRY :expr {VAR :varattno 2 :vartype 900} :resname COERCEVIAIO\\ \\{x})",
            "({COERCEVIAIO :arg {CASE :casetype 23 :args ({CASEWHEN :expr {NULLTEST :arg {VAR :varattno 2 :vartype 900}}})} :resulttype 25})",
            "({OPEXPR :opno 98 :args ({VAR :vartype 900} {VAR :vartype 900})})",
            "({FUNCEXPR :funcid 78 :args ({VAR :varattno 2 :vartype 900})})",
            "({VAR :varattno 0 :vartype 17})",
            "",
            "}}{",
        ] {
            assert!(!telltale().shows_in(tree), "{tree}");
        }
    }
}
