//! Every label that separates one use of a key from another, as listed in `docs/spec/labels.md`.

/// A label: a constant of this module.
pub type Label = &'static str;

macro_rules! labels {
    ($($name:ident = $text:literal, $use:literal;)*) => {
        $(
            #[doc = concat!("`", $text, "`: ", $use, ".")]
            pub const $name: Label = $text;
        )*

        /// Every label with its use, in the order of the page.
        pub const ALL: &[(Label, &str)] = &[$(($text, $use)),*];
    };
}

labels! {
    ROOT_ID = "strongroom/root-id/1", "root id, 16 bytes";
    KEYRING = "strongroom/keyring/1", "keyring key";
    PROTECTOR = "strongroom/protector/1", "MAC key of protector records";
    PROTECTOR_RECORD = "strongroom/protector-record/1", "prefix of the protector MAC's input";
    PROTECTOR_WRAP = "strongroom/protector-wrap/1", "AAD of a wrapped root key";
    ACCOUNT = "strongroom/account/1", "wrapping key of an account protector";
    MACHINE = "strongroom/machine/1", "wrapping key of a machine protector";
    WRAPPING_KEY = "strongroom/wrapping-key/1", "wrapping key of a protector that keeps a random secret: shares, rsa, pkcs11, plugin";
    WRAPPING_CONTEXT = "strongroom/wrapping-context/1", "what binds such a protector's blob to its place";
    SHARE = "strongroom/share/1", "prefix of a share's checksum";
    STORE_KEY_ID = "strongroom/store-key-id/1", "id of a store key";
    RECORD = "strongroom/record/1", "AAD of a sealed record";
    VALUE = "strongroom/value/1", "AAD of a sealed value";
    TWO_TIER = "strongroom/two-tier/1", "AAD of the payload of a two-tier value";
    STREAM = "strongroom/stream/1", "key and nonce prefix of a stream's frames";
    ANCHOR_KEY = "strongroom/anchor-key/1", "key of the anchor's authenticator";
    ANCHOR = "strongroom/anchor/1", "prefix of the anchor's input";
    AUDIT_KEY = "strongroom/audit-key/1", "parent of the stepping MAC keys";
    AUDIT_STEP = "strongroom/audit-step/1", "first MAC key after a checkpoint";
    AUDIT_STEP_NEXT = "strongroom/audit-step-next/1", "next MAC key";
    AUDIT_CHECKPOINT = "strongroom/audit-checkpoint/1", "prefix of a checkpoint's signed text";
    REQUEST_KEY = "strongroom/request-key/1", "key of request digests";
    REQUEST = "strongroom/request/1", "prefix of a request digest's input";
    COMMIT_ID = "strongroom/commit-id/1", "prefix of a commit id made from an idempotency key";
    HOST_ID = "strongroom/host-id/1", "id of a host, 16 bytes";
    CREDENTIAL_KEY = "strongroom/credential-key/1", "key of a credential on its way to an enrolled account";
    CREDENTIAL = "strongroom/credential/1", "AAD of a credential on its way to an enrolled account";
    CREDENTIAL_PROOF_KEY = "strongroom/credential-proof-key/1", "key with which an enrolled account proves that it has its private key";
    CREDENTIAL_PROOF = "strongroom/credential-proof/1", "prefix of that proof's input";
    COLUMN_KEY_CHECK = "strongroom/column-key-check/1", "check value of a column encryption key, 16 bytes";
}
