//! What the session is set to, as far as it changes how texts and values are read and written.

use strongroom_column::Style;

use super::refusal;
use crate::wire::Report;

/// Settings that the server reports, and those that the client was seen to change.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// How values are written.
    pub(super) style: Style,
    /// Whether a backslash in a plain string means itself.
    standard_strings: bool,
    /// Whether the database is in UTF-8: in others names are folded and cut differently.
    server_utf8: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { style: Style::default(), standard_strings: true, server_utf8: true }
    }
}

impl Settings {
    /// Takes over what the server reports or a SET says.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        if name.eq_ignore_ascii_case("standard_conforming_strings") {
            self.standard_strings = value.eq_ignore_ascii_case("on");
        } else if name.eq_ignore_ascii_case("server_encoding") {
            self.server_utf8 = value.eq_ignore_ascii_case("UTF8");
        } else {
            self.style.set(name, value);
        }
    }

    /// Which of two it is is not known: only what both can read is read.
    pub(super) fn readable_as_both(&mut self, other: &Self) {
        self.standard_strings &= other.standard_strings;
        self.server_utf8 &= other.server_utf8;
        self.style.client_utf8 &= other.style.client_utf8;
    }

    /// Whether texts and values can be read at all.
    ///
    /// # Errors
    /// What has to be set.
    pub(super) fn readable(&self) -> Result<(), Report> {
        if !self.style.client_utf8 {
            return Err(refusal::setting("client_encoding", "UTF8"));
        }
        if !self.server_utf8 {
            return Err(refusal::unsupported("column encryption needs a database with the encoding UTF8"));
        }
        if !self.standard_strings {
            return Err(refusal::setting("standard_conforming_strings", "on"));
        }
        Ok(())
    }

    /// Whether strings end where they are seen to end.
    pub(super) fn backslashes_mean_themselves(&self) -> bool {
        self.standard_strings
    }

    /// Whether the text of a value, not UTF-8 of which would make it another text, can be looked at.
    pub(super) fn utf8(&self) -> bool {
        self.style.client_utf8
    }
}
