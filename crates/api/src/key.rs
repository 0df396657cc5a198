//! `key`: keys for applications, and the life of every key.

mod manage;
mod r#use;

pub use manage::{
    ChangePasswordRequest, CreateRequest, DestroyRequest, ImportRequest, Key, LimitRequest, ListReply, ListRequest,
    ProtectReply, ProtectRequest, Purpose, RotateReply, RotateRequest, ShowRequest, StateRequest, Step,
    UndestroyRequest, UnlockRequest, Version, Withheld, WrappingReply, WrappingRequest,
};
pub use r#use::{
    Context, DatakeyReply, DatakeyRequest, DecryptItem, DecryptReply, DecryptRequest, EncryptItem, EncryptReply,
    EncryptRequest, ItemError, MacReply, MacRequest, Plaintext, RandomReply, RandomRequest, RewrapRequest, Sealed,
    SignReply, SignRequest, Verdict, VerifyItem, VerifyReply, VerifyRequest,
};

const EXAMPLE_ID: &str = "01980c3e-2b6a-7c1d-9f00-5a3d1c2b4e6f";
const EXAMPLE_TIME: &str = "2026-07-15T08:30:00.000Z";
