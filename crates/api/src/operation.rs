//! The one table of operations: what can be asked of the server, as data.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    audit, column, coverage, credential, doctor, job, key, lock, protector, quarantine, secret, setting, status, store,
    token, transaction, upgrade,
};

/// What every path of the table begins with.
pub const PATH_PREFIX: &str = "/api/v1/";

/// One row of the table.
#[derive(Debug)]
pub struct Operation {
    /// Its word: policy action, audit operation and command.
    pub word: &'static str,
    /// One sentence on what it does.
    pub summary: &'static str,
    /// Whether it changes something, so that it takes an idempotency key.
    pub changes: bool,
    /// Whether it is answered while the server is locked.
    pub while_locked: bool,
    /// The schema of its request.
    pub request_schema: fn(&mut SchemaGenerator) -> Schema,
    /// The schema of its reply.
    pub reply_schema: fn(&mut SchemaGenerator) -> Schema,
    /// A request as it is sent.
    pub request_example: fn() -> Value,
    /// A reply as it is received.
    pub reply_example: fn() -> Value,
}

impl Operation {
    /// The row with this word.
    #[must_use]
    pub fn by_word(word: &str) -> Option<&'static Operation> {
        OPERATIONS.iter().copied().find(|operation| operation.word == word)
    }

    /// Where it is mounted: [`PATH_PREFIX`] and the word with `/` for `.`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{PATH_PREFIX}{}", self.word.replace('.', "/"))
    }
}

/// A type that can show what it looks like on the wire.
pub trait Example {
    /// A typical one; holds no real secret.
    fn example() -> Self;
}

/// A request: ties its type to its row of the table and to the type of its reply.
pub trait Request: Serialize + DeserializeOwned + JsonSchema + Example + Send + 'static {
    /// What is answered.
    type Reply: Serialize + DeserializeOwned + JsonSchema + Example + Send + 'static;
    /// The row of the table.
    const OPERATION: &'static Operation;
}

/// Declares the table and ties each row to its types, so that neither can exist without the other.
///
/// The first token is a `$`: the exported macro has parameters of its own, and a nested macro cannot write them otherwise.
macro_rules! operations {
    (($dollar:tt) $($module:ident::$request:ident => $reply:ty, $word:literal,
        changes: $changes:literal, while_locked: $while_locked:literal, $summary:literal;)*) => {
        $(impl Request for $module::$request {
            type Reply = $reply;
            const OPERATION: &'static Operation = &Operation {
                word: $word,
                summary: $summary,
                changes: $changes,
                while_locked: $while_locked,
                request_schema: |generator| generator.subschema_for::<$module::$request>(),
                reply_schema: |generator| generator.subschema_for::<$reply>(),
                request_example: example::<$module::$request>,
                reply_example: example::<$reply>,
            };
        })*

        /// Every operation of the product.
        pub const OPERATIONS: &[&Operation] = &[$(<$module::$request as Request>::OPERATION,)*];

        /// Calls a macro with the request type of every operation, in the order of the table. Who mounts the table with it
        /// compiles only when each operation can be mounted, and can mount nothing else.
        #[macro_export]
        macro_rules! for_each_request {
            ($dollar callback:ident) => {
                $dollar callback! { $($dollar crate::$module::$request,)* }
            };
        }
    };
}

operations! {
    ($)
    secret::PutRequest => secret::PutReply, "secret.put", changes: true, while_locked: false,
        "Create a secret, or a new version of one.";
    secret::GetRequest => secret::GetReply, "secret.get", changes: false, while_locked: false,
        "Read the value of a secret.";
    secret::ShowRequest => secret::ShowReply, "secret.show", changes: false, while_locked: false,
        "Read what is known about a secret, without its value.";
    secret::ListRequest => secret::ListReply, "secret.list", changes: false, while_locked: false,
        "List secrets whose names begin with a prefix, in order, page by page.";
    secret::RenameRequest => secret::RenameReply, "secret.rename", changes: true, while_locked: false,
        "Give a secret another name; its id stays.";
    secret::DeleteRequest => secret::DeleteReply, "secret.delete", changes: true, while_locked: false,
        "Delete a secret; it can be undeleted for a time.";
    secret::UndeleteRequest => secret::UndeleteReply, "secret.undelete", changes: true, while_locked: false,
        "Take the deletion of a secret back.";
    secret::DestroyRequest => secret::DestroyReply, "secret.destroy", changes: true, while_locked: false,
        "Destroy a secret, or one version of it, for good.";
    secret::ImportRequest => secret::ImportReply, "secret.import", changes: true, while_locked: false,
        "Take secrets over from another system; those that are there already with the same value are left as they are.";
    key::CreateRequest => key::Key, "key.create", changes: true, while_locked: false,
        "Make a key for an application.";
    key::ShowRequest => key::Key, "key.show", changes: false, while_locked: false,
        "Read what is known about a key: its versions, their states, how many stored values need them.";
    key::ListRequest => key::ListReply, "key.list", changes: false, while_locked: false,
        "List keys whose names begin with a prefix, in order, page by page.";
    key::RotateRequest => key::RotateReply, "key.rotate", changes: true, while_locked: false,
        "Make a new version of a key, active at once; what is stored is sealed again by a job.";
    key::EncryptRequest => key::EncryptReply, "key.encrypt", changes: false, while_locked: false,
        "Seal a value, or many, under the active version of a key.";
    key::DecryptRequest => key::DecryptReply, "key.decrypt", changes: false, while_locked: false,
        "Open a sealed value, or many.";
    key::DatakeyRequest => key::DatakeyReply, "key.datakey", changes: false, while_locked: false,
        "Make a data key with which an application encrypts by itself.";
    key::RewrapRequest => key::EncryptReply, "key.rewrap", changes: false, while_locked: false,
        "Seal sealed values again under the active version; the plaintext never leaves the server.";
    key::RandomRequest => key::RandomReply, "key.random", changes: false, while_locked: false,
        "Draw random bytes.";
    key::MacRequest => key::MacReply, "key.mac", changes: false, while_locked: false,
        "Make message authentication codes.";
    key::SignRequest => key::SignReply, "key.sign", changes: false, while_locked: false,
        "Sign messages.";
    key::VerifyRequest => key::VerifyReply, "key.verify", changes: false, while_locked: false,
        "Check message authentication codes or signatures.";
    key::StateRequest => key::Key, "key.state", changes: true, while_locked: false,
        "Activate, deactivate, suspend or resume a key version, or declare it compromised.";
    key::LimitRequest => key::Key, "key.limit", changes: true, while_locked: false,
        "Limit how often each version of a key may protect something.";
    key::DestroyRequest => key::Key, "key.destroy", changes: true, while_locked: false,
        "Destroy a key version, after a time in which it can be taken back.";
    key::UndestroyRequest => key::Key, "key.undestroy", changes: true, while_locked: false,
        "Take the end of a key version back.";
    key::WrappingRequest => key::WrappingReply, "key.wrapping", changes: false, while_locked: false,
        "Read the public key under which keys are wrapped that shall be imported.";
    key::ImportRequest => key::RotateReply, "key.import", changes: true, while_locked: false,
        "Take over a key that the user brings: a new key, or a new active version of one.";
    key::ProtectRequest => key::ProtectReply, "key.protect", changes: true, while_locked: false,
        "Wrap the versions of a key by another protector; nothing that is sealed under them changes.";
    key::UnlockRequest => key::Key, "key.unlock", changes: true, while_locked: false,
        "Open the protector of a key.";
    key::ChangePasswordRequest => key::Key, "key.change_password", changes: true, while_locked: false,
        "Change the password of a key; nothing that is sealed under it changes.";
    column::KeyRequest => column::KeyReply, "column.key", changes: false, while_locked: false,
        "Make a column encryption key, wrapped under the active version of a master key.";
    column::UnwrapRequest => column::UnwrapReply, "column.unwrap", changes: false, while_locked: false,
        "Open a column encryption key.";
    column::RewrapRequest => column::RewrapReply, "column.rewrap", changes: false, while_locked: false,
        "Wrap a column encryption key again, under the active version of a master key; the key never leaves the server.";
    column::SignRequest => column::SignReply, "column.sign", changes: false, while_locked: false,
        "Sign the metadata of an RSA master key, as Microsoft's Always Encrypted does.";
    transaction::BeginRequest => transaction::BeginReply, "tx.begin", changes: true, while_locked: false,
        "Record a request document, and begin its transaction.";
    transaction::StepRequest => transaction::StepReply, "tx.step", changes: true, while_locked: false,
        "Record a step of a transaction, with the state after it and what undoes it.";
    transaction::StateRequest => transaction::StepReply, "tx.state", changes: true, while_locked: false,
        "Record the state after a step that was recorded without one.";
    transaction::CommitRequest => transaction::CommitReply, "tx.commit", changes: true, while_locked: false,
        "End a transaction that is done.";
    transaction::RollbackRequest => transaction::RollbackReply, "tx.rollback", changes: true, while_locked: false,
        "Begin to undo a transaction, or go on with it: what undoes its steps is handed back, the last one first.";
    transaction::UndoneRequest => transaction::UndoneReply, "tx.undone", changes: true, while_locked: false,
        "Confirm that a step is undone.";
    transaction::ShowRequest => transaction::ShowReply, "tx.show", changes: false, while_locked: false,
        "Read what is known about a transaction, without its data.";
    transaction::GetRequest => transaction::GetReply, "tx.get", changes: false, while_locked: false,
        "Read a transaction back with its data, a page of steps at a time.";
    transaction::ListRequest => transaction::ListReply, "tx.list", changes: false, while_locked: false,
        "List transactions in the order they were begun, page by page.";
    transaction::ArchiveRequest => transaction::ArchiveReply, "tx.archive", changes: true, while_locked: false,
        "Move closed transactions to an encrypted file.";
    setting::SetRequest => setting::SetReply, "setting.set", changes: true, while_locked: false,
        "Store a setting: a new one, or another value of one that is there.";
    setting::GetRequest => setting::GetReply, "setting.get", changes: false, while_locked: false,
        "Read the value of a setting.";
    setting::ListRequest => setting::ListReply, "setting.list", changes: false, while_locked: false,
        "List settings whose names begin with a prefix, in order, page by page, without their values.";
    setting::DeleteRequest => setting::DeleteReply, "setting.delete", changes: true, while_locked: false,
        "Delete a setting for good.";
    setting::ExportRequest => setting::ExportReply, "setting.export", changes: false, while_locked: false,
        "Read settings whose names begin with a prefix with their values in clear, page by page.";
    setting::ImportRequest => setting::ImportReply, "setting.import", changes: true, while_locked: false,
        "Take settings over from a file; those that are there already as they stand there are left as they are.";
    credential::SetRequest => credential::SetReply, "credential.set", changes: true, while_locked: false,
        "Store a component's credential for the account it runs under: a new one, or another value of one that is there.";
    credential::GetRequest => credential::GetReply, "credential.get", changes: false, while_locked: false,
        "Read the value of a credential; answered to its account only, over a Unix socket.";
    credential::EnrollRequest => credential::EnrollReply, "credential.enroll", changes: true, while_locked: false,
        "Have a credential sealed to a key that its account keeps; asked by that account, over a Unix socket.";
    credential::ShowRequest => credential::ShowReply, "credential.show", changes: false, while_locked: false,
        "Read what is known about a credential, without its value, and whether its binding holds.";
    credential::ListRequest => credential::ListReply, "credential.list", changes: false, while_locked: false,
        "List credentials whose names begin with a prefix, in order, page by page, without their values.";
    credential::RebindRequest => credential::RebindReply, "credential.rebind", changes: true, while_locked: false,
        "Bind a credential to an account as it is today; whoever was enrolled is so no longer.";
    credential::DeleteRequest => credential::DeleteReply, "credential.delete", changes: true, while_locked: false,
        "Delete a credential for good.";
    job::ListRequest => job::ListReply, "job.list", changes: false, while_locked: false,
        "List jobs: what the server works on in the background.";
    job::ShowRequest => job::Job, "job.show", changes: false, while_locked: false,
        "Show how far a job is.";
    job::PauseRequest => job::Job, "job.pause", changes: true, while_locked: false,
        "Stop a job for now.";
    job::ResumeRequest => job::Job, "job.resume", changes: true, while_locked: false,
        "Let a job go on.";
    token::IssueRequest => token::IssueReply, "token.issue", changes: true, while_locked: false,
        "Issue an access token; it is shown this once.";
    token::ListRequest => token::ListReply, "token.list", changes: false, while_locked: false,
        "List the access tokens that were issued, without the tokens themselves.";
    token::RevokeRequest => token::RevokeReply, "token.revoke", changes: true, while_locked: false,
        "Revoke an access token at once.";
    protector::ListRequest => protector::ListReply, "protector.list", changes: false, while_locked: false,
        "List the protectors of the root key.";
    protector::AddRequest => protector::MadeReply, "protector.add", changes: true, while_locked: false,
        "Add a protector to the root key.";
    protector::DropRequest => protector::Entry, "protector.drop", changes: true, while_locked: false,
        "Drop a protector; another one must have been proven to open.";
    protector::ProveRequest => protector::Entry, "protector.prove", changes: true, while_locked: false,
        "Prove that a protector opens the root key.";
    protector::ReplaceRequest => protector::MadeReply, "protector.replace", changes: true, while_locked: false,
        "Replace a broken or tampered protector by a new one of its kind.";
    lock::UnlockRequest => status::Status, "unlock", changes: true, while_locked: true,
        "Unlock the server with a password.";
    lock::LockRequest => status::Status, "lock", changes: true, while_locked: true,
        "Wipe the keys from memory; the server answers nothing but its state until it is unlocked.";
    status::StatusRequest => status::Status, "status", changes: false, while_locked: true,
        "Read the state of the server.";
    doctor::DoctorRequest => doctor::DoctorReply, "doctor", changes: false, while_locked: true,
        "List what is wrong, each with how to mend it.";
    coverage::CoverageRequest => coverage::CoverageReply, "coverage", changes: false, while_locked: false,
        "Tell what is encrypted, under which key, and what lies in clear and why.";
    quarantine::ListRequest => quarantine::ListReply, "quarantine.list", changes: false, while_locked: false,
        "List the records that failed verification and are kept aside.";
    quarantine::ReleaseRequest => quarantine::ReleaseReply, "quarantine.release", changes: true, while_locked: false,
        "Check a quarantined record again, accept its authentic older generation, or give it up.";
    store::VerifyRequest => store::VerifyReply, "store.verify", changes: false, while_locked: false,
        "Verify every record of the store now.";
    store::ScrubRequest => store::ScrubReply, "store.scrub", changes: true, while_locked: true,
        "Remove the bytes of deleted and replaced records from the store's files.";
    audit::SearchRequest => audit::SearchReply, "audit.search", changes: false, while_locked: true,
        "Search the audit trail.";
    upgrade::AcceptRequest => upgrade::AcceptReply, "upgrade.accept", changes: true, while_locked: false,
        "Accept that the program has changed.";
}

fn example<T: Serialize + Example>() -> Value {
    serde_json::to_value(T::example()).expect("examples hold text, numbers and lists only, which JSON can say")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn words_are_unique_and_make_paths() {
        let words: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.word).collect();
        assert_eq!(words.len(), OPERATIONS.len());
        let put = Operation::by_word("secret.put").expect("it is in the table");
        assert_eq!(put.path(), "/api/v1/secret/put");
        assert!(Operation::by_word("secret/put").is_none());
        for word in words {
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || b"._".contains(&byte)), "{word}");
        }
    }

    fn round_trip<R: Request>() {
        let request = (R::OPERATION.request_example)();
        let read: R = serde_json::from_value(request.clone()).expect(R::OPERATION.word);
        assert_eq!(serde_json::to_value(&read).expect("JSON"), request);
        let reply = (R::OPERATION.reply_example)();
        let read: R::Reply = serde_json::from_value(reply.clone()).expect(R::OPERATION.word);
        assert_eq!(serde_json::to_value(&read).expect("JSON"), reply);
    }

    #[test]
    fn examples_are_what_the_types_read_and_write() {
        macro_rules! round_trips {
            ($($request:ty,)*) => { $(round_trip::<$request>();)* };
        }
        for_each_request!(round_trips);
    }

    fn refuses_unknown_fields<R: Request>() {
        let mut request = (R::OPERATION.request_example)();
        request.as_object_mut().expect("every request is an object").insert("surplus".to_owned(), Value::from(1));
        assert!(serde_json::from_value::<R>(request).is_err(), "{}", R::OPERATION.word);
    }

    #[test]
    fn no_request_takes_an_unknown_field() {
        macro_rules! refusals {
            ($($request:ty,)*) => { $(refuses_unknown_fields::<$request>();)* };
        }
        for_each_request!(refusals);
    }

    #[test]
    fn the_list_of_requests_is_the_table() {
        macro_rules! words {
            ($($request:ty,)*) => { [$(<$request as Request>::OPERATION.word,)*] };
        }
        let table: Vec<_> = OPERATIONS.iter().map(|operation| operation.word).collect();
        assert_eq!(for_each_request!(words).as_slice(), table);
    }
}
