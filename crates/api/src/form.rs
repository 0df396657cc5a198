//! What the texts in requests look like, as regular expressions for the schemas; the server's own rules decide.

/// The name of a secret; an id has this form, too.
pub(crate) const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._@-]{0,127}){0,15}$";
/// The beginning of names: nothing, or a name with or without a last `/`.
pub(crate) const PREFIX: &str = "^([A-Za-z0-9][A-Za-z0-9._@-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._@-]{0,127}){0,15}/?)?$";
/// A moment, to the second or the millisecond, in UTC.
pub(crate) const TIME: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?Z$";
/// Text without control characters.
pub(crate) const LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
/// Base64 with padding, whose last digit has no bits to spare (RFC 4648, sections 3.5 and 4).
pub(crate) const BASE64: &str = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";
