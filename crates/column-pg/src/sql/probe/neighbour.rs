//! What a literal stands beside: what is calculated with is hardly a value of an encrypted column.

/// What a literal stands beside, from what is the least likely to be an encrypted value to what is the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Neighbour {
    /// An operator other than `=` and `<>`, the parentheses of a function, the brackets of an array.
    Calculation,
    /// Anything else.
    Other,
    /// `=`, `<>`, or the parentheses of `IN` and `VALUES`.
    Equality,
}
