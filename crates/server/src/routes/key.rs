//! `key`: from the wire to the engine's rules, and back.

mod manage;
mod r#use;

use strongroom_api::key as wire;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::value::Context;

use crate::refused::refusal_code;

/// A context as the rules take it.
fn context(pairs: &wire::Context) -> Result<Context, Refusal> {
    Context::new(pairs).map_err(|refusal| Refusal::Invalid { field: "context", reason: refusal.to_string() })
}

/// What went wrong with one of many items.
fn item_error(refusal: &Refusal) -> wire::ItemError {
    wire::ItemError { code: refusal_code(refusal), message: refusal.to_string() }
}
