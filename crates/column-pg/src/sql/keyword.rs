//! Keywords, as far as it matters what may stand before and after a literal.

/// Keywords that are never names of types, functions or columns (category `R` of `pg_get_keywords()`, PostgreSQL 15 to 18).
const RESERVED: [&str; 78] = [
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "current_catalog",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "from",
    "grant",
    "group",
    "having",
    "in",
    "initially",
    "intersect",
    "into",
    "lateral",
    "leading",
    "limit",
    "localtime",
    "localtimestamp",
    "not",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "placing",
    "primary",
    "references",
    "returning",
    "select",
    "session_user",
    "some",
    "symmetric",
    "system_user",
    "table",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "when",
    "where",
    "window",
    "with",
];

/// Reserved keywords that are values, or end one.
const VALUES: [&str; 16] = [
    "current_catalog",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "end",
    "false",
    "localtime",
    "localtimestamp",
    "null",
    "session_user",
    "system_user",
    "true",
    "user",
];

/// Keywords that are not reserved, and yet name no type when a string follows them: operators (`a LIKE 'x'`), clauses
/// (`ESCAPE 'x'`), arguments of functions with a syntax of their own (`VERSION '1.0'`), functions in forms with parentheses.
const NO_TYPES: [&str; 61] = [
    "between",
    "by",
    "coalesce",
    "columns",
    "content",
    "copy",
    "current_schema",
    "document",
    "error",
    "escape",
    "execute",
    "exists",
    "extract",
    "filter",
    "following",
    "force",
    "greatest",
    "grouping",
    "ilike",
    "inout",
    "is",
    "isnull",
    "key",
    "language",
    "least",
    "like",
    "listen",
    "names",
    "natural",
    "nested",
    "none",
    "normalize",
    "notify",
    "notnull",
    "nullif",
    "operator",
    "out",
    "over",
    "overlaps",
    "overlay",
    "passing",
    "path",
    "position",
    "preceding",
    "quote",
    "return",
    "row",
    "schema",
    "set",
    "setof",
    "similar",
    "standalone",
    "substring",
    "treat",
    "trim",
    "uescape",
    "value",
    "values",
    "version",
    "xmlparse",
    "zone",
];

/// Types whose parentheses hold lengths and precisions; these words are no functions.
const MEASURED: [&str; 13] = [
    "bit",
    "char",
    "character",
    "dec",
    "decimal",
    "float",
    "interval",
    "nchar",
    "numeric",
    "time",
    "timestamp",
    "varchar",
    "varying",
];

/// Whether `word` is never the name of anything.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.binary_search(&word).is_ok()
}

/// Whether `word` is a value by itself, or ends an expression.
pub(super) fn ends_value(word: &str) -> bool {
    VALUES.binary_search(&word).is_ok()
}

/// Whether `word` may be the last of the name of a type that a string follows.
pub(super) fn may_be_type(word: &str) -> bool {
    !is_reserved(word) && NO_TYPES.binary_search(&word).is_err()
}

/// Whether numbers in parentheses behind `word` are lengths and precisions.
pub(super) fn is_measured(word: &str) -> bool {
    MEASURED.binary_search(&word).is_ok()
}

/// Whether an expression cannot end in `word`, so that a sign behind it is one of a number.
pub(super) fn begins_value(word: &str) -> bool {
    (is_reserved(word) && !ends_value(word))
        || ["between", "by", "escape", "ilike", "like", "return", "set", "values"].contains(&word)
}

#[cfg(test)]
mod tests {
    use super::{MEASURED, NO_TYPES, RESERVED, VALUES};

    #[test]
    fn lists_are_in_order() {
        for list in [RESERVED.as_slice(), &VALUES, &NO_TYPES, &MEASURED] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }
}
