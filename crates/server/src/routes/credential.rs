//! `credential`: from the wire to the engine's rules, and back.

use strongroom_api::WireSecret;
use strongroom_api::credential as wire;
use strongroom_crypto::hash::sha256;
use strongroom_engine::credential::{self as rule, Released};
use strongroom_engine::name::Selector;
use strongroom_engine::page::Withheld;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::{Pin, PinRefusal};
use strongroom_keeper::facade::Caller;
use strongroom_secret::SecretBytes;

use super::{Route, hex, page_limit};
use crate::refused::{Failed, refusal_code};
use crate::shell::Shell;

/// What somebody else than the account can do.
const FOR_THE_ACCOUNT: &str = "run this as the account that the credential belongs to, or with its client certificate; an \
     administrator sees whose it is with `strongroom credential show`";

/// From what an administrator named to those whom a credential shall belong to; or why that cannot be.
async fn owner(
    shell: &Shell,
    account: Option<String>,
    certificates: &[String],
) -> Result<Result<rule::Owner, Refusal>, Failed> {
    let local = match account {
        Some(name) => Some(shell.accounts.named(&shell.keeper, name).await.map_err(Failed::Shell)?),
        None => None,
    };
    // On the wire a pin is what the schema says, without white space around it.
    let exact = |text: &&String| text.trim() == text.as_str();
    let pin = |text: &String| Some(text).filter(exact).ok_or(PinRefusal).and_then(|text| Pin::parse(text));
    let invalid = |refusal: PinRefusal| Refusal::Invalid { field: "certificates", reason: refusal.to_string() };
    let pins = certificates.iter().map(pin).collect::<Result<_, _>>().map_err(invalid).and_then(rule::Pins::new);
    Ok(local.transpose().and_then(|local| Ok(rule::Owner { local, certificates: pins? })))
}

fn texts(pins: &rule::Pins) -> Vec<String> {
    pins.as_slice().iter().map(Pin::to_string).collect()
}

impl Route for wire::SetRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::SetReply, Failed> {
        let selector = Selector::parse(&self.name)?;
        let owner = owner(shell, self.account, &self.certificates).await?;
        let (value, expected_revision) = (self.value_base64.into_secret(), self.expected_revision);
        let set = rule::Set { selector, owner, value, expected_revision };
        let rule::SetReply { id, name, revision, uid, created } = shell.keeper.execute(caller, set).await?;
        Ok(wire::SetReply { id: id.to_string(), name: name.to_string(), revision, uid, created })
    }
}

impl Route for wire::GetRequest {
    const DENIED_FIX: Option<&'static str> = Some(FOR_THE_ACCOUNT);

    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::GetReply, Failed> {
        let selector = Selector::parse(&self.name)?;
        let seen = shell.accounts.seen(&shell.keeper, &caller.principal).await.map_err(Failed::Shell)?;
        let got = shell.keeper.execute(caller, rule::Get { selector, seen }).await?;
        let (value, sealed) = match got.value {
            Released::Clear(value) => (Some(value.into()), None),
            Released::Sealed(sealed) => (None, Some(WireSecret::new(SecretBytes::from_vec(sealed)))),
        };
        Ok(wire::GetReply {
            id: got.id.to_string(),
            name: got.name.to_string(),
            revision: got.revision,
            uid: got.uid,
            updated_at: got.updated_at.rfc3339(),
            value_base64: value,
            sealed_base64: sealed,
        })
    }
}

impl Route for wire::EnrollRequest {
    const DENIED_FIX: Option<&'static str> = Some(FOR_THE_ACCOUNT);

    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::EnrollReply, Failed> {
        let selector = Selector::parse(&self.name)?;
        let public_key = key_of("public_key_base64", self.public_key_base64)?;
        let proof = self.proof_base64.map(|proof| key_of("proof_base64", proof)).transpose()?;
        let seen = shell.accounts.seen(&shell.keeper, &caller.principal).await.map_err(Failed::Shell)?;
        let enroll = rule::Enroll { selector, public_key, proof, seen };
        let rule::EnrollReply { id, name, revision } = shell.keeper.execute(caller, enroll).await?;
        Ok(wire::EnrollReply { id: id.to_string(), name: name.to_string(), revision })
    }
}

impl Route for wire::ShowRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ShowReply, Failed> {
        let show = rule::Show { selector: Selector::parse(&self.name)? };
        let found = shell.keeper.execute(caller, show).await?;
        let binding = match &found.owner.local {
            None => wire::Binding::Holds,
            Some(local) => match shell.accounts.now(&shell.keeper, local.account.clone()).await {
                Ok((seen, uid)) => binding(local, &seen, uid),
                // What is stored can be shown all the same.
                Err(_) => wire::Binding::Unknown,
            },
        };
        Ok(wire::ShowReply { credential: entry(found), binding })
    }
}

impl Route for wire::ListRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ListReply, Failed> {
        let Self { prefix, after, limit } = self;
        let list = rule::List { prefix, after, limit: page_limit(limit) };
        let rule::ListReply { entries, withheld, next } = shell.keeper.execute(caller, list).await?;
        let withhold = |withheld: Withheld| wire::Withheld {
            id: withheld.id.to_string(),
            name: withheld.name.to_string(),
            code: refusal_code(&withheld.why),
            message: withheld.why.to_string(),
        };
        Ok(wire::ListReply {
            credentials: entries.into_iter().map(entry).collect(),
            withheld: withheld.into_iter().map(withhold).collect(),
            next: next.map(|name| name.to_string()),
        })
    }
}

impl Route for wire::RebindRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::RebindReply, Failed> {
        let selector = Selector::parse(&self.name)?;
        let owner = owner(shell, self.account, &self.certificates).await?;
        let rebind = rule::Rebind { selector, owner, expected_revision: self.expected_revision };
        let rule::RebindReply { id, name, revision, owner } = shell.keeper.execute(caller, rebind).await?;
        let (id, name, certificates) = (id.to_string(), name.to_string(), texts(&owner.certificates));
        let (account, uid) = owner.local.map(|local| (local.account.name, local.account.uid)).unzip();
        Ok(wire::RebindReply { id, name, revision, account, uid, certificates })
    }
}

impl Route for wire::DeleteRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::DeleteReply, Failed> {
        let delete = rule::Delete { selector: Selector::parse(&self.name)?, expected_revision: self.expected_revision };
        let rule::DeleteReply { id, name, .. } = shell.keeper.execute(caller, delete).await?;
        Ok(wire::DeleteReply { id: id.to_string(), name: name.to_string() })
    }
}

fn key_of(field: &'static str, given: WireSecret) -> Result<[u8; 32], Refusal> {
    let invalid = |_| Refusal::Invalid { field, reason: "it has 32 bytes".to_owned() };
    given.into_secret().expose().try_into().map_err(invalid)
}

/// How a binding stands: `uid` is what the account's name stands for now.
fn binding(bound: &rule::Local, seen: &rule::Seen, uid: Option<u32>) -> wire::Binding {
    match (&seen.account, uid) {
        _ if seen.host != bound.host => wire::Binding::OtherHost,
        (Some(name), _) if *name == bound.account.name => wire::Binding::Holds,
        (_, Some(uid)) if uid != bound.account.uid => wire::Binding::UidChanged,
        (Some(_), _) => wire::Binding::AccountChanged,
        (None, _) => wire::Binding::AccountGone,
    }
}

fn entry(found: rule::Entry) -> wire::Entry {
    let (public_key, since) = found.enrolled.unzip();
    let certificates = texts(&found.owner.certificates);
    let (account, uid) = found.owner.local.map(|local| (local.account.name, local.account.uid)).unzip();
    wire::Entry {
        id: found.id.to_string(),
        name: found.name.to_string(),
        account,
        uid,
        certificates,
        revision: found.revision,
        created_at: found.created_at.rfc3339(),
        updated_at: found.updated_at.rfc3339(),
        enrolled_at: since.map(|since| since.rfc3339()),
        public_key_sha256: public_key.map(|key| hex(&sha256(&[&key]))),
    }
}
