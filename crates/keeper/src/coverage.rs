//! `coverage`: what is encrypted, under which key, and what lies in clear and why; told from the running store, not from a plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_engine::policy::Action;
use strongroom_engine::setting::Class;
use strongroom_engine::stored::Family;
use strongroom_envelope::RecordKind;

use crate::facade::{Area, Caller, Failure, Kept};
use crate::keeper::{Inner, Keeper};
use crate::unlocked::Unlocked;
use crate::words::failure_word;

const AEAD: &str = "KC-XAES-256-GCM";

impl Keeper {
    /// Everything this server keeps, place by place.
    pub async fn coverage(&self, caller: Caller) -> Result<Vec<Area>, Failure> {
        self.chore(move |inner| inner.coverage(&caller)).await
    }
}

impl Inner {
    fn coverage(self: &Arc<Self>, caller: &Caller) -> Result<Vec<Area>, Failure> {
        let action = Action::Coverage;
        self.permit(caller, action, "")?;
        let outcome = self.unsealed().map(|unsealed| areas(&unsealed.running.unlocked));
        self.line(caller, action.word(), "", outcome.as_ref().map_or_else(failure_word, |_| "ok"))?;
        outcome
    }
}

fn areas(unlocked: &Unlocked) -> Vec<Area> {
    let mut areas = vec![records(unlocked)];
    areas.extend(Family::ALL.map(|family| values(unlocked, family)));
    areas.push(keys(unlocked));
    areas.push(root(unlocked));
    let classes = Class::ALL.into_iter().filter_map(|class| {
        class.in_clear_because().map(|why| in_clear(format!("settings of the class {}", class.word()), why))
    });
    areas.extend(classes);
    areas.extend(IN_CLEAR.iter().map(|(what, why)| in_clear((*what).to_owned(), why)));
    areas
}

/// What is in clear by design.
fn in_clear(what: String, why: &str) -> Area {
    Area {
        what,
        kept: Kept::Clear,
        items: None,
        clear: 0,
        key: String::new(),
        algorithm: "",
        why: why.to_owned(),
        as_it_should_be: true,
    }
}

/// Every record, whatever it holds.
fn records(unlocked: &Unlocked) -> Area {
    let (key, older) = (unlocked.seals.read().active_store().1, unlocked.resealing.len());
    let older = if older == 0 { String::new() } else { format!("; {older} records still under an older one") };
    let index = unlocked.index.read();
    let items = index.len() - index.count_of(RecordKind::Protector);
    Area {
        what: "records of the store".to_owned(),
        kept: Kept::Encrypted,
        items: Some(items),
        clear: 0,
        key: format!("store key {key:08x}{older}"),
        algorithm: AEAD,
        why: "kind, random id, size and time of change of a record show; names do not".to_owned(),
        as_it_should_be: true,
    }
}

/// The values of a family, in the layer of their application key.
fn values(unlocked: &Unlocked, family: Family) -> Area {
    let items: u64 = {
        let index = unlocked.index.read();
        family.kinds().iter().map(|kind| index.count_of(*kind)).sum()
    };
    let unprotected = if family == Family::Secrets { unlocked.stored.unprotected() } else { 0 };
    let declared = unlocked.stored.declared_clear(family);
    let version = unlocked.keys.active(family.key_name()).map_or(0, |(_, version)| version);
    let mut why = Vec::new();
    if unprotected > 0 {
        why.push(format!("{unprotected} imported in clear: `strongroom convert`"));
    }
    if declared > 0 {
        why.push(format!("{declared} {}", declared_why(family)));
    }
    Area {
        what: what(family).to_owned(),
        kept: match unprotected + declared {
            0 => Kept::Encrypted,
            clear if clear == items => Kept::Clear,
            _ => Kept::Partly,
        },
        items: Some(items),
        clear: unprotected + declared,
        key: format!("{} version {version}", family.key_name()),
        algorithm: if family == Family::Secrets { AEAD } else { "KC-XAES-256-GCM, with a key for each" },
        why: why.join("; "),
        as_it_should_be: unprotected == 0,
    }
}

const fn what(family: Family) -> &'static str {
    match family {
        Family::Secrets => "values of secrets",
        Family::Transactions => "transactions: requests, states, rollback data",
        Family::Settings => "values of settings",
        Family::Credentials => "component credentials",
    }
}

const fn declared_why(family: Family) -> &'static str {
    match family {
        Family::Transactions => "not marked as sensitive, and only what is marked is encrypted",
        Family::Settings => "of a class that is declared as not encrypted",
        Family::Secrets | Family::Credentials => "declared as not encrypted",
    }
}

fn keys(unlocked: &Unlocked) -> Area {
    let mut protectors = BTreeMap::new();
    for protector in unlocked.keys.protectors() {
        *protectors.entry(protector).or_insert(0_u64) += 1;
    }
    let told: Vec<String> = protectors.iter().map(|(protector, count)| format!("{protector}: {count}")).collect();
    Area {
        what: "application keys".to_owned(),
        kept: Kept::Encrypted,
        items: Some(unlocked.index.read().count_of(RecordKind::Key)),
        clear: 0,
        key: told.join(", "),
        algorithm: "KC-XAES-256-GCM under what the protector yields",
        why: String::new(),
        as_it_should_be: true,
    }
}

fn root(unlocked: &Unlocked) -> Area {
    let protectors = unlocked.protectors.lock();
    let mut kinds: Vec<String> = protectors
        .iter()
        .filter_map(|judged| judged.record.as_ref().map(|record| record.kind.name().to_owned()))
        .collect();
    kinds.sort_unstable();
    Area {
        what: "root key and keyring".to_owned(),
        kept: Kept::Encrypted,
        items: Some(protectors.len() as u64),
        clear: 0,
        key: kinds.join(", "),
        algorithm: "KC-XAES-256-GCM under what each protector yields",
        why: String::new(),
        as_it_should_be: true,
    }
}

/// What lies in clear by design, and why.
const IN_CLEAR: &[(&str, &str)] = &[
    (
        "audit trail",
        "whoever verifies or collects it needs no key; it holds who did what to which name, and never a value",
    ),
    ("anchor", "it is read before anything can be opened; it holds ids, an epoch and an authenticator"),
    (
        "secret files of account and machine protectors",
        "they are what opens the root key without a person; readable by the service's account, outside the data directory",
    ),
    (
        "private key of the TLS certificate",
        "the listener needs it before the store is open; readable by the service's account",
    ),
    ("configuration", "it names files and addresses; secrets stand in files of their own"),
];
