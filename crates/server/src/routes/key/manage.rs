//! Making, showing and changing keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_api::WireSecret;
use strongroom_api::key as wire;
use strongroom_engine::key::{self as rule, ROOT_PROTECTOR};
use strongroom_engine::name::{Name, Selector};
use strongroom_engine::page::Withheld;
use strongroom_engine::reseal::STORE_KEY_NAME;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::Timestamp;
use strongroom_envelope::value::Purpose;
use strongroom_keeper::KeyImport;
use strongroom_keeper::facade::{Caller, KeyProtector};

use crate::refused::{Failed, refusal_code};
use crate::routes::{Route, page_limit, parse_id};
use crate::shell::Shell;

impl Route for wire::WrappingRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::WrappingReply, Failed> {
        let view = shell.keeper.key_wrapping(caller).await?;
        let (wrapping_key, public_key_base64) = (view.id.to_string(), STANDARD.encode(view.public));
        Ok(wire::WrappingReply { wrapping_key, public_key_base64, seconds: view.seconds })
    }
}

impl Route for wire::ImportRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::RotateReply, Failed> {
        let malformed = |_| Refusal::Invalid {
            field: "wrapped_base64",
            reason: "it is not base64 (RFC 4648, section 4, with padding)".to_owned(),
        };
        let import = KeyImport {
            name: Name::parse(&self.name)?,
            purpose: self.purpose.map(purpose),
            algorithm: self.algorithm.as_deref().map(algorithm).transpose()?,
            pair: parse_id("wrapping_key", &self.wrapping_key)?,
            wrapped: STANDARD.decode(&self.wrapped_base64).map_err(malformed)?,
            reencrypt: !self.no_reencrypt,
        };
        let imported = shell.keeper.key_import(caller, import).await?;
        Ok(wire::RotateReply { key: key(imported.key), job: imported.job.map(|id| id.to_string()) })
    }
}

const fn purpose(purpose: wire::Purpose) -> Purpose {
    match purpose {
        wire::Purpose::Values => Purpose::Values,
        wire::Purpose::Mac => Purpose::Mac,
        wire::Purpose::Sign => Purpose::Sign,
        wire::Purpose::Columns => Purpose::Columns,
    }
}

impl Route for wire::CreateRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::Key, Failed> {
        let purpose = purpose(self.purpose);
        let algorithm = self.algorithm.as_deref().map(algorithm).transpose()?;
        let rotation_period = self.rotation_period_seconds.map(milliseconds);
        let (name, usage_limit) = (Name::parse(&self.name)?, self.usage_limit);
        let create = rule::Create { name, purpose, algorithm, rotation_period, usage_limit };
        Ok(key(shell.keeper.execute(caller, create).await?))
    }
}

impl Route for wire::ShowRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::Key, Failed> {
        if self.name == STORE_KEY_NAME {
            return Ok(key(shell.keeper.store_key(caller).await?));
        }
        let show = rule::Show { selector: Selector::parse(&self.name)? };
        Ok(key(shell.keeper.execute(caller, show).await?))
    }
}

impl Route for wire::ListRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ListReply, Failed> {
        let list = rule::List { prefix: self.prefix, after: self.after, limit: page_limit(self.limit) };
        let rule::ListReply { keys, withheld, next } = shell.keeper.execute(caller, list).await?;
        let withhold = |withheld: Withheld| wire::Withheld {
            id: withheld.id.to_string(),
            name: withheld.name.to_string(),
            code: refusal_code(&withheld.why),
            message: withheld.why.to_string(),
        };
        Ok(wire::ListReply {
            keys: keys.into_iter().map(key).collect(),
            withheld: withheld.into_iter().map(withhold).collect(),
            next: next.map(|name| name.to_string()),
        })
    }
}

impl Route for wire::RotateRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::RotateReply, Failed> {
        if self.name == STORE_KEY_NAME {
            if self.no_reencrypt {
                let reason = "records are always sealed again under a new store key; leave it out".to_owned();
                return Err(Refusal::Invalid { field: "no_reencrypt", reason }.into());
            }
            let rotated = shell.keeper.rotate_store(caller, self.expected_version, self.rate).await?;
            return Ok(wire::RotateReply { key: key(rotated.key), job: rotated.job.map(|id| id.to_string()) });
        }
        let rotate = rule::Rotate {
            selector: Selector::parse(&self.name)?,
            reencrypt: !self.no_reencrypt,
            expected_version: self.expected_version,
            rate: self.rate,
        };
        let rotated = shell.keeper.execute(caller, rotate).await?;
        Ok(wire::RotateReply { key: key(rotated.key), job: rotated.job.map(|id| id.to_string()) })
    }
}

impl Route for wire::StateRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::Key, Failed> {
        let step = match self.step {
            wire::Step::Activate => rule::Step::Activate,
            wire::Step::Deactivate => rule::Step::Deactivate,
            wire::Step::Suspend => rule::Step::Suspend,
            wire::Step::Resume => rule::Step::Resume,
            wire::Step::Compromise => rule::Step::Compromise,
        };
        let change = rule::ChangeState { selector: Selector::parse(&self.name)?, version: self.version, step };
        Ok(key(shell.keeper.execute(caller, change).await?))
    }
}

impl Route for wire::LimitRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::Key, Failed> {
        let limit = rule::Limit { selector: Selector::parse(&self.name)?, limit: self.limit };
        Ok(key(shell.keeper.execute(caller, limit).await?))
    }
}

impl Route for wire::DestroyRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::Key, Failed> {
        let wait = self.wait_seconds.map(milliseconds);
        let destroy = rule::Destroy { selector: Selector::parse(&self.name)?, version: self.version, wait };
        Ok(key(shell.keeper.execute(caller, destroy).await?))
    }
}

impl Route for wire::UndestroyRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::Key, Failed> {
        let undestroy = rule::Undestroy { selector: Selector::parse(&self.name)?, version: self.version };
        Ok(key(shell.keeper.execute(caller, undestroy).await?))
    }
}

impl Route for wire::ProtectRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ProtectReply, Failed> {
        let selector = Selector::parse(&self.name)?;
        let with = protector(self)?;
        let (view, shares) = shell.keeper.key_protect(caller, selector, with).await?;
        Ok(wire::ProtectReply { key: key(view), shares_base64: shares.into_iter().map(WireSecret::from).collect() })
    }
}

impl Route for wire::UnlockRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::Key, Failed> {
        let selector = Selector::parse(&self.name)?;
        let typed = self.password_base64.map(WireSecret::into_passphrase);
        shell.keeper.key_unlock(caller.clone(), selector.clone(), typed).await?;
        Ok(key(shell.keeper.execute(caller, rule::Show { selector }).await?))
    }
}

impl Route for wire::ChangePasswordRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::Key, Failed> {
        let selector = Selector::parse(&self.name)?;
        let (current, new) = (self.password_base64.into_passphrase(), self.new_password_base64.into_passphrase());
        Ok(key(shell.keeper.key_change_password(caller, selector, current, new).await?))
    }
}

/// The protector that is asked for; what it has no use for is refused, not left unread.
fn protector(request: wire::ProtectRequest) -> Result<KeyProtector, Refusal> {
    let wire::ProtectRequest { name: _, with, token, label, password_base64, password_only, shares, threshold } =
        request;
    let invalid = |reason: &str| Refusal::Invalid { field: "with", reason: reason.to_owned() };
    let (kind, name) = with.split_once(':').map_or((with.as_str(), None), |(kind, name)| (kind, Some(name)));
    let named = |name: Option<&str>| name.map(str::to_owned).ok_or_else(|| invalid("say which one: KIND:NAME"));
    let plain =
        (token.is_none() && label.is_none(), password_base64.is_none(), shares.is_none() && threshold.is_none());
    if password_only && with != "password" {
        let reason = "only a key that a password protects can do without a second wrap under root".to_owned();
        return Err(Refusal::Invalid { field: "password_only", reason });
    }
    let unused = || invalid("it takes neither token and label, nor a password, nor shares");
    match (kind, plain) {
        ("root", (true, true, true)) if name.is_none() => Ok(KeyProtector::Root),
        ("rsa", (true, true, true)) => Ok(KeyProtector::Rsa(named(name)?)),
        ("plugin", (true, true, true)) => Ok(KeyProtector::Plugin(named(name)?)),
        ("pkcs11", (_, true, true)) => match (token, label) {
            (Some(token), Some(label)) => Ok(KeyProtector::Pkcs11 { name: named(name)?, token, label }),
            _ => Err(invalid("pkcs11 takes the labels of a token and of a key on it")),
        },
        ("password", (true, false, true)) if name.is_none() => {
            let password = password_base64.ok_or_else(|| invalid("a password is needed"))?;
            Ok(KeyProtector::Password { passphrase: password.into_passphrase(), recovery: !password_only })
        }
        ("password", (true, true, true)) => Err(invalid("a password is needed")),
        ("shares", (true, true, _)) if name.is_none() => match (shares, threshold) {
            (Some(count), Some(threshold)) => Ok(KeyProtector::Shares { threshold, count }),
            _ => Err(invalid("shares take their number and how many of them open")),
        },
        ("root" | "rsa" | "plugin" | "pkcs11" | "password" | "shares", _) => Err(unused()),
        _ => Err(invalid("choose root, rsa:NAME, pkcs11:NAME, plugin:NAME, password or shares")),
    }
}

fn algorithm(word: &str) -> Result<rule::Algorithm, Refusal> {
    rule::Algorithm::from_word(word).ok_or_else(|| {
        let words: Vec<_> = rule::Algorithm::ALL.iter().map(|algorithm| algorithm.word()).collect();
        Refusal::Invalid { field: "algorithm", reason: format!("choose one of {}", words.join(", ")) }
    })
}

fn milliseconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000)
}

/// A key on the wire.
pub(super) fn key(view: rule::KeyView) -> wire::Key {
    let protector = match view.protector_parameter.as_str() {
        "" => view.protector,
        parameter => format!("{}:{parameter}", view.protector),
    };
    wire::Key {
        id: view.id.to_string(),
        name: view.name.to_string(),
        purpose: view.purpose.word().to_owned(),
        algorithm: view.algorithm.map(|algorithm| algorithm.word().to_owned()),
        protector,
        recovery: view.recovery.then(|| ROOT_PROTECTOR.to_owned()),
        created_at: view.created_at.rfc3339(),
        updated_at: view.updated_at.rfc3339(),
        rotation_period_seconds: view.rotation_period.map(|period| u64::try_from(period / 1000).unwrap_or(0)),
        usage_limit: view.usage_limit,
        active_version: view.active,
        versions: view.versions.into_iter().map(version).collect(),
    }
}

fn version(view: rule::VersionView) -> wire::Version {
    wire::Version {
        version: view.number,
        state: view.state.word().to_owned(),
        created_at: view.created_at.rfc3339(),
        activated_at: view.activated_at.map(Timestamp::rfc3339),
        deactivated_at: view.deactivated_at.map(Timestamp::rfc3339),
        compromised_at: view.compromised_at.map(Timestamp::rfc3339),
        destroy_at: view.destroy_at.map(Timestamp::rfc3339),
        imported: view.imported,
        stored_values: view.stored,
        uses: view.uses,
        public_key_base64: view.public.map(|public| STANDARD.encode(public)),
    }
}
