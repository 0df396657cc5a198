//! What the texts in requests look like, as regular expressions for the schemas; the server's own rules decide.

/// The name of a secret; an id has this form, too.
pub(crate) const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._@-]{0,127}){0,15}$";
/// The beginning of names: nothing, or a name with or without a last `/`.
pub(crate) const PREFIX: &str = "^([A-Za-z0-9][A-Za-z0-9._@-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._@-]{0,127}){0,15}/?)?$";
/// A moment, to the second or the millisecond, in UTC.
pub(crate) const TIME: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?Z$";
/// Text without control characters.
pub(crate) const LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
/// What a key is used with.
pub(crate) const ALGORITHM: &str =
    "^(hmac-sha-256|ed25519|ecdsa-p256-sha-256|rsa-pss-3072-sha-256|rsa-3072-oaep|aes-256)$";
/// A version of a master key of columns.
pub(crate) const MASTER_KEY_PATH: &str =
    "^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._@-]{0,127}){0,15}#[1-9][0-9]{0,9}$";
/// What a column encryption key is recognised by.
pub(crate) const KEY_CHECK: &str = "^[0-9a-f]{32}$";
/// What wraps the versions of a key.
pub(crate) const KEY_PROTECTOR: &str = "^(root|password|shares|(rsa|pkcs11|plugin):[a-z0-9-]{1,32})$";
/// A pin of a certificate.
pub(crate) const PIN: &str = "^sha256:[0-9A-Fa-f]{64}$";
/// 32 bytes in base64.
pub(crate) const KEY: &str = "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$";
/// Base64 with padding, whose last digit has no bits to spare (RFC 4648, sections 3.5 and 4).
pub(crate) const BASE64: &str = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";
