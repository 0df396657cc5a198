//! Column encryption keys: made, opened and wrapped again under master keys, which are keys of purpose `columns`.
//!
//! Nothing of them is stored here: a database keeps them, wrapped. What is answered to a caller is the key itself, because the
//! values of columns are encrypted where they are used.
//!
//! ```text
//! path, master     which version of which master key; what it wraps by
//! make, unwrap, rewrap, sign   the operations
//! ```

mod make;
mod master;
mod path;
mod rewrap;
mod sign;
mod unwrap;

pub use make::{Make, MakeReply};
pub use master::Wrapping;
pub use path::MasterPath;
pub use rewrap::{Rewrap, RewrapReply};
pub use sign::{Sign, SignReply};
pub use unwrap::{Unwrap, UnwrapReply};
