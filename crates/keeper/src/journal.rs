//! Where the keeper reports what an operator must see: the system log, by way of whoever runs it.

/// How grave an event is, as in RFC 5424.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Data or service is at risk.
    Critical,
    /// Something failed.
    Error,
    /// Something is not as it should be.
    Warning,
    /// Something happened that is worth a line.
    Notice,
}

/// Takes events. Texts hold identifiers only, never a value.
pub trait Journal: Send + Sync {
    /// One event: a stable word and one sentence.
    fn event(&self, severity: Severity, code: &str, message: &str);
}
