//! `secret`: from the wire to the engine's rules, and back.

use strongroom_api::secret as wire;
use strongroom_engine::name::{Name, Selector};
use strongroom_engine::page::Withheld;
use strongroom_engine::rule::Refusal;
use strongroom_engine::secret as rule;
use strongroom_envelope::Timestamp;
use strongroom_keeper::facade::Caller;

use super::{Route, page_limit};
use crate::refused::{Failed, refusal_code};
use crate::shell::Shell;

impl Route for wire::PutRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::PutReply, Failed> {
        let put = rule::Put {
            selector: Selector::parse(&self.name)?,
            value: self.value_base64.into_secret(),
            expected_version: self.expected_version,
            keep: self.keep,
            default_keep: shell.versions_kept,
        };
        let rule::PutReply { id, name, version, created } = shell.keeper.execute(caller, put).await?;
        let copies = COPIES;
        Ok(wire::PutReply { id: id.to_string(), name: name.to_string(), version, created, copies })
    }
}

/// On one machine each change lies on one disk.
const COPIES: u32 = 1;

impl Route for wire::GetRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::GetReply, Failed> {
        let get = rule::Get { selector: Selector::parse(&self.name)?, version: self.version };
        let rule::GetReply { id, name, version, value } = shell.keeper.execute(caller, get).await?;
        Ok(wire::GetReply { id: id.to_string(), name: name.to_string(), version, value_base64: value.into() })
    }
}

impl Route for wire::ShowRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ShowReply, Failed> {
        let show = rule::Show { selector: Selector::parse(&self.name)? };
        let shown = shell.keeper.execute(caller, show).await?;
        let version = |entry: &rule::VersionEntry| wire::VersionEntry {
            version: entry.number,
            created_at: entry.created_at.rfc3339(),
        };
        Ok(wire::ShowReply {
            id: shown.id.to_string(),
            name: shown.name.to_string(),
            version: shown.version,
            created_at: shown.created_at.rfc3339(),
            updated_at: shown.updated_at.rfc3339(),
            provider: shown.provider.word().to_owned(),
            key: shown.key.to_string(),
            key_version: shown.key_version,
            versions_kept: shown.keep,
            already_encrypted: shown.already_encrypted,
            metadata: shown.metadata.into_iter().collect(),
            versions: shown.versions.iter().map(version).collect(),
            deleted_at: shown.deleted_at.map(Timestamp::rfc3339),
        })
    }
}

impl Route for wire::ListRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ListReply, Failed> {
        let Self { prefix, after, limit, deleted } = self;
        let list = rule::List { prefix, after, limit: page_limit(limit), deleted };
        let rule::ListReply { entries, withheld, next } = shell.keeper.execute(caller, list).await?;
        let entry = |entry: rule::Entry| wire::ListEntry {
            id: entry.id.to_string(),
            name: entry.name.to_string(),
            version: entry.version,
            updated_at: entry.updated_at.rfc3339(),
            deleted_at: entry.deleted_at.map(Timestamp::rfc3339),
        };
        let withhold = |withheld: Withheld| wire::Withheld {
            id: withheld.id.to_string(),
            name: withheld.name.to_string(),
            code: refusal_code(&withheld.why),
            message: withheld.why.to_string(),
        };
        Ok(wire::ListReply {
            secrets: entries.into_iter().map(entry).collect(),
            withheld: withheld.into_iter().map(withhold).collect(),
            next: next.map(|name| name.to_string()),
        })
    }
}

impl Route for wire::ImportRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ImportReply, Failed> {
        let row = |row: wire::ImportRow| rule::ImportRow {
            name: row.name,
            value: row.value_base64.into_secret(),
            already_encrypted: row.encrypted,
            metadata: row.metadata.into_iter().collect(),
        };
        let rows = self.rows.into_iter().map(row).collect();
        if self.clear {
            refuse_overdue(shell)?;
        }
        let import = rule::Import { rows, clear: self.clear, default_keep: shell.versions_kept };
        let imported = shell.keeper.execute(caller, import).await?;
        Ok(wire::ImportReply { rows: imported.rows.iter().map(imported_row).collect() })
    }
}

/// Importing in clear is for the days of a conversion; whoever forgets to convert is reminded here.
fn refuse_overdue(shell: &Shell) -> Result<(), Refusal> {
    let Some(since) = shell.keeper.status().unprotected_overdue else { return Ok(()) };
    let reason = format!("values lie in clear since {}; convert them first: `strongroom convert`", since.rfc3339());
    Err(Refusal::Invalid { field: "clear", reason })
}

fn imported_row(row: &Result<rule::Imported, Refusal>) -> wire::Imported {
    match row {
        Ok(rule::Imported::Created(id)) => wire::Imported { id: Some(id.to_string()), created: true, error: None },
        Ok(rule::Imported::Unchanged(id)) => wire::Imported { id: Some(id.to_string()), created: false, error: None },
        Err(refusal) => {
            let error = wire::ImportError { code: refusal_code(refusal), message: refusal.to_string() };
            wire::Imported { id: None, created: false, error: Some(error) }
        }
    }
}

impl Route for wire::RenameRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::RenameReply, Failed> {
        let rename = rule::Rename { selector: Selector::parse(&self.name)?, to: Name::parse(&self.new_name)? };
        let rule::RenameReply { id, name } = shell.keeper.execute(caller, rename).await?;
        Ok(wire::RenameReply { id: id.to_string(), name: name.to_string() })
    }
}

impl Route for wire::DeleteRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::DeleteReply, Failed> {
        let delete = rule::Delete { selector: Selector::parse(&self.name)?, expected_version: self.expected_version };
        let rule::DeleteReply { id, name, deleted_at } = shell.keeper.execute(caller, delete).await?;
        let deleted_at = deleted_at.rfc3339();
        Ok(wire::DeleteReply { id: id.to_string(), name: name.to_string(), deleted_at })
    }
}

impl Route for wire::UndeleteRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::UndeleteReply, Failed> {
        let undelete = rule::Undelete { selector: Selector::parse(&self.name)? };
        let rule::UndeleteReply { id, name, version } = shell.keeper.execute(caller, undelete).await?;
        Ok(wire::UndeleteReply { id: id.to_string(), name: name.to_string(), version })
    }
}

impl Route for wire::DestroyRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::DestroyReply, Failed> {
        let destroy = rule::Destroy { selector: Selector::parse(&self.name)?, version: self.version };
        let rule::DestroyReply { id, name, versions, whole } = shell.keeper.execute(caller, destroy).await?;
        Ok(wire::DestroyReply { id: id.to_string(), name: name.to_string(), versions, whole })
    }
}
