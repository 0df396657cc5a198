//! What was worked out for a prepared statement the last time it was bound and described. Programs bind the same few statements
//! again and again, with the same formats, and the server describes their rows with the same bytes.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::Encryption;
use super::analysis::{Analysis, Type};
use super::rows::Rows;
use crate::catalogue::Catalogue;
use crate::wire::frontend::code_of;

/// The last time of a statement.
#[derive(Debug, Default)]
pub(super) struct Again {
    bound: Mutex<Option<Arc<Bound>>>,
    described: Mutex<Option<Described>>,
}

/// The formats of a result that is opened.
#[derive(Debug)]
pub(super) struct Bound {
    /// What the client asked for.
    pub(super) wanted: Vec<i16>,
    /// What the server is asked for: cells in binary.
    pub(super) asked: Vec<i16>,
    /// What is done with the rows.
    pub(super) rows: Rows,
}

/// A description of rows.
#[derive(Debug)]
struct Described {
    /// As the server sent it.
    message: Box<[u8]>,
    /// Which one it was; it is not kept for this.
    catalogue: Weak<Catalogue>,
    mode: Encryption,
    bound: Option<Arc<Bound>>,
    /// As the client got it.
    shown: Box<[u8]>,
    rows: Rows,
}

impl Again {
    /// The formats for a client that asked for these. What is known of the statement is the same every time.
    pub(super) fn bound(&self, wanted: impl Iterator<Item = i16> + Clone, analysis: &Analysis) -> Arc<Bound> {
        let mut last = self.bound.lock();
        if let Some(bound) = last.as_ref().filter(|bound| bound.wanted.iter().copied().eq(wanted.clone())) {
            return Arc::clone(bound);
        }
        let wanted: Vec<i16> = wanted.collect();
        let code = |(index, kind): (usize, &Type)| if kind.is_class() { 1 } else { code_of(&wanted, index) };
        let asked: Vec<i16> = analysis.types.iter().enumerate().map(code).collect();
        let fields = analysis.fields.as_deref().unwrap_or_default();
        let rows = Rows::new(fields, &analysis.types, Some(&asked), Some(&wanted));
        let bound = Arc::new(Bound { wanted, asked, rows });
        *last = Some(Arc::clone(&bound));
        bound
    }

    /// What became of a description with the same bytes, under the same circumstances: what the client is shown, and what is done
    /// with the rows.
    pub(super) fn described<T>(
        &self,
        message: &[u8],
        (catalogue, mode): (&Arc<Catalogue>, Encryption),
        bound: Option<&Arc<Bound>>,
        take: impl FnOnce(&[u8], Rows) -> T,
    ) -> Option<T> {
        let last = self.described.lock();
        let is_same = |last: &&Described| {
            *last.message == *message
                && std::ptr::eq(last.catalogue.as_ptr(), Arc::as_ptr(catalogue))
                && last.mode == mode
                && last.bound.as_ref().map(Arc::as_ptr) == bound.map(Arc::as_ptr)
        };
        last.as_ref().filter(is_same).map(|last| take(&last.shown, last.rows.clone()))
    }

    /// Remembers it.
    pub(super) fn remember(
        &self,
        message: &[u8],
        (catalogue, mode): (&Arc<Catalogue>, Encryption),
        bound: Option<&Arc<Bound>>,
        (shown, rows): (&[u8], &Rows),
    ) {
        *self.described.lock() = Some(Described {
            message: message.into(),
            catalogue: Arc::downgrade(catalogue),
            mode,
            bound: bound.cloned(),
            shown: shown.into(),
            rows: rows.clone(),
        });
    }
}
