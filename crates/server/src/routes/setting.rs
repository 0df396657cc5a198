//! `setting`: from the wire to the engine's rules, and back.

use strongroom_api::WireSecret;
use strongroom_api::setting as wire;
use strongroom_engine::name::Selector;
use strongroom_engine::page::Withheld;
use strongroom_engine::rule::Refusal;
use strongroom_engine::setting::{self as rule, SettingValue};
use strongroom_keeper::facade::Caller;

use super::{Route, page_limit};
use crate::refused::{Failed, refusal_code};
use crate::shell::Shell;

impl Route for wire::SetRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::SetReply, Failed> {
        let set = rule::Set {
            selector: Selector::parse(&self.name)?,
            value: value_of(self.value),
            class: self.class.map(class_of),
            expected_revision: self.expected_revision,
        };
        let rule::SetReply { id, name, class, revision, created } = shell.keeper.execute(caller, set).await?;
        let (id, name, class) = (id.to_string(), name.to_string(), wire_class(class));
        Ok(wire::SetReply { id, name, class, revision, created })
    }
}

impl Route for wire::GetRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::GetReply, Failed> {
        let get = rule::Get { selector: Selector::parse(&self.name)? };
        let got = shell.keeper.execute(caller, get).await?;
        Ok(wire::GetReply {
            id: got.id.to_string(),
            name: got.name.to_string(),
            class: wire_class(got.class),
            revision: got.revision,
            updated_at: got.updated_at.rfc3339(),
            value: wire_value(got.value),
        })
    }
}

impl Route for wire::ListRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ListReply, Failed> {
        let Self { prefix, after, limit } = self;
        let list = rule::List { prefix, after, limit: page_limit(limit) };
        let rule::ListReply { entries, withheld, next } = shell.keeper.execute(caller, list).await?;
        let entry = |entry: rule::Entry| wire::ListEntry {
            id: entry.id.to_string(),
            name: entry.name.to_string(),
            value_type: entry.value_type.word().to_owned(),
            class: wire_class(entry.class),
            encrypted: entry.class.is_encrypted(),
            revision: entry.revision,
            updated_at: entry.updated_at.rfc3339(),
        };
        Ok(wire::ListReply {
            settings: entries.into_iter().map(entry).collect(),
            withheld: withheld.into_iter().map(withhold).collect(),
            next: next.map(|name| name.to_string()),
        })
    }
}

impl Route for wire::DeleteRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::DeleteReply, Failed> {
        let delete = rule::Delete { selector: Selector::parse(&self.name)?, expected_revision: self.expected_revision };
        let rule::DeleteReply { id, name } = shell.keeper.execute(caller, delete).await?;
        Ok(wire::DeleteReply { id: id.to_string(), name: name.to_string() })
    }
}

impl Route for wire::ExportRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ExportReply, Failed> {
        let Self { prefix, after, limit } = self;
        let export = rule::Export { prefix, after, limit: page_limit(limit) };
        let rule::ExportReply { settings, withheld, next } = shell.keeper.execute(caller, export).await?;
        let exported = |exported: rule::Exported| wire::Exported {
            name: exported.entry.name.to_string(),
            class: wire_class(exported.entry.class),
            value: wire_value(exported.value),
        };
        Ok(wire::ExportReply {
            settings: settings.into_iter().map(exported).collect(),
            withheld: withheld.into_iter().map(withhold).collect(),
            next: next.map(|name| name.to_string()),
        })
    }
}

impl Route for wire::ImportRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ImportReply, Failed> {
        let row = |row: wire::ImportRow| rule::ImportRow {
            name: row.name,
            value: value_of(row.value),
            class: row.class.map(class_of),
        };
        let import = rule::Import { rows: self.rows.into_iter().map(row).collect() };
        let imported = shell.keeper.execute(caller, import).await?;
        Ok(wire::ImportReply { rows: imported.rows.iter().map(imported_row).collect() })
    }
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

fn withhold(withheld: Withheld) -> wire::Withheld {
    wire::Withheld {
        id: withheld.id.to_string(),
        name: withheld.name.to_string(),
        code: refusal_code(&withheld.why),
        message: withheld.why.to_string(),
    }
}

fn value_of(value: wire::Value) -> SettingValue {
    match value {
        wire::Value::StringBase64(text) => SettingValue::String(text.into_secret()),
        wire::Value::MultiStringBase64(texts) => {
            SettingValue::MultiString(texts.into_iter().map(WireSecret::into_secret).collect())
        }
        wire::Value::Integer(number) => SettingValue::Integer(number),
        wire::Value::BinaryBase64(bytes) => SettingValue::Binary(bytes.into_secret()),
        wire::Value::Boolean(truth) => SettingValue::Boolean(truth),
    }
}

fn wire_value(value: SettingValue) -> wire::Value {
    match value {
        SettingValue::String(text) => wire::Value::StringBase64(text.into()),
        SettingValue::MultiString(texts) => {
            wire::Value::MultiStringBase64(texts.into_iter().map(WireSecret::new).collect())
        }
        SettingValue::Integer(number) => wire::Value::Integer(number),
        SettingValue::Binary(bytes) => wire::Value::BinaryBase64(bytes.into()),
        SettingValue::Boolean(truth) => wire::Value::Boolean(truth),
    }
}

const fn class_of(class: wire::Class) -> rule::Class {
    match class {
        wire::Class::Encrypted => rule::Class::Encrypted,
        wire::Class::Queue => rule::Class::Queue,
        wire::Class::Client => rule::Class::Client,
        wire::Class::Audit => rule::Class::Audit,
    }
}

const fn wire_class(class: rule::Class) -> wire::Class {
    match class {
        rule::Class::Encrypted => wire::Class::Encrypted,
        rule::Class::Queue => wire::Class::Queue,
        rule::Class::Client => wire::Class::Client,
        rule::Class::Audit => wire::Class::Audit,
    }
}
