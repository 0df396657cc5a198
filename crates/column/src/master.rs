//! Column master keys, as far as they appear outside of the key server: names, and the signature of their metadata.

pub use strongroom_crypto::column_envelope::{KeyError, MasterKey, PublicMasterKey};

/// The name of the key store that Strongroom is, in the catalogue of a database.
pub const PROVIDER: &str = "STRONGROOM";
/// The catalogue's word for an envelope made by an RSA master key.
pub const RSA_OAEP: &str = "RSA_OAEP";
/// The catalogue's word for a value sealed under a symmetric master key.
pub const SEALED: &str = "STRONGROOM_SEALED";
/// The catalogue's word for the cipher of cells.
pub const CELL_ALGORITHM: &str = "AEAD_AES_256_CBC_HMAC_SHA_256";
