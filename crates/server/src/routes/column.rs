//! `column`: from the wire to the engine's rules, and back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_api::WireSecret;
use strongroom_api::column as wire;
use strongroom_engine::column::{self as rule, MasterPath, Wrapping};
use strongroom_engine::name::Selector;
use strongroom_keeper::facade::Caller;
use strongroom_secret::{ColumnKey, SecretBytes};

use crate::refused::Failed;
use crate::routes::{Route, hex};
use crate::shell::Shell;

impl Route for wire::KeyRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::KeyReply, Failed> {
        let make = rule::Make { master: Selector::parse(&self.master)?, wrapping: self.algorithm.map(wrapping) };
        let made = shell.keeper.execute(caller, make).await?;
        Ok(wire::KeyReply {
            path: made.path.to_string(),
            algorithm: algorithm(made.wrapping),
            envelope_base64: STANDARD.encode(&made.envelope),
            key_base64: key(&made.key),
            check: hex(&made.check),
        })
    }
}

impl Route for wire::UnwrapRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::UnwrapReply, Failed> {
        let unwrap = rule::Unwrap {
            path: MasterPath::parse(&self.path)?,
            wrapping: wrapping(self.algorithm),
            envelope: envelope(self.envelope_base64),
        };
        let opened = shell.keeper.execute(caller, unwrap).await?;
        Ok(wire::UnwrapReply { key_base64: key(&opened.key) })
    }
}

impl Route for wire::RewrapRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::RewrapReply, Failed> {
        let rewrap = rule::Rewrap {
            path: MasterPath::parse(&self.path)?,
            wrapping: wrapping(self.algorithm),
            envelope: envelope(self.envelope_base64),
            to_master: Selector::parse(&self.to_master)?,
            compromised: self.compromised,
        };
        let wrapped = shell.keeper.execute(caller, rewrap).await?;
        Ok(wire::RewrapReply {
            path: wrapped.path.to_string(),
            algorithm: algorithm(wrapped.wrapping),
            envelope_base64: STANDARD.encode(&wrapped.envelope),
        })
    }
}

impl Route for wire::SignRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::SignReply, Failed> {
        let sign = rule::Sign { path: MasterPath::parse(&self.path)?, enclave: self.enclave };
        let signed = shell.keeper.execute(caller, sign).await?;
        Ok(wire::SignReply { signature_base64: STANDARD.encode(&signed.signature) })
    }
}

const fn wrapping(algorithm: wire::Algorithm) -> Wrapping {
    match algorithm {
        wire::Algorithm::RsaOaep => Wrapping::RsaOaep,
        wire::Algorithm::Sealed => Wrapping::Sealed,
    }
}

const fn algorithm(wrapping: Wrapping) -> wire::Algorithm {
    match wrapping {
        Wrapping::RsaOaep => wire::Algorithm::RsaOaep,
        Wrapping::Sealed => wire::Algorithm::Sealed,
    }
}

/// The key on its way to who may have it.
fn key(key: &ColumnKey) -> WireSecret {
    WireSecret::new(SecretBytes::from_slice(key.expose()))
}

/// A wrapped key is no secret.
fn envelope(envelope: WireSecret) -> Vec<u8> {
    envelope.into_secret().expose().to_vec()
}
