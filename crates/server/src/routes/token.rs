//! `token`: from the wire to the engine's rules, and back.

use strongroom_api::WireToken;
use strongroom_api::token as wire;
use strongroom_engine::policy::Role;
use strongroom_engine::token as rule;
use strongroom_keeper::facade::Caller;

use super::{Route, page_limit, parse_id};
use crate::refused::{Failed, refusal_code};
use crate::shell::Shell;

impl Route for wire::IssueRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::IssueReply, Failed> {
        let role = match self.role {
            wire::Role::Admin => Role::Admin,
            wire::Role::Data => Role::Data,
            wire::Role::Read => Role::Read,
            wire::Role::Columns => Role::Columns,
        };
        let milliseconds = i64::try_from(self.expires_in_seconds).unwrap_or(i64::MAX).saturating_mul(1000);
        let issue = rule::Issue { role, expires_in_milliseconds: milliseconds, description: self.description };
        let issued = shell.keeper.execute(caller, issue).await?;
        Ok(wire::IssueReply {
            id: issued.id.to_string(),
            token: WireToken::new(issued.token),
            role: self.role,
            expires_at: issued.expires_at.rfc3339(),
        })
    }
}

impl Route for wire::ListRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ListReply, Failed> {
        let after = self.after.as_deref().map(|after| parse_id("after", after)).transpose()?;
        let list = rule::List { after, limit: page_limit(self.limit) };
        let rule::ListReply { entries, withheld, next } = shell.keeper.execute(caller, list).await?;
        let entry = |token: rule::TokenView| wire::ListEntry {
            id: token.id.to_string(),
            role: token.role,
            created_at: token.created_at.rfc3339(),
            expires_at: token.expires_at.rfc3339(),
            expired: token.expired,
            issued_by: token.issued_by,
            description: token.description,
        };
        let withheld = withheld.into_iter().map(|(id, why)| wire::Withheld {
            id: id.to_string(),
            code: refusal_code(&why),
            message: why.to_string(),
        });
        Ok(wire::ListReply {
            tokens: entries.into_iter().map(entry).collect(),
            withheld: withheld.collect(),
            next: next.map(|id| id.to_string()),
        })
    }
}

impl Route for wire::RevokeRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::RevokeReply, Failed> {
        let revoke = rule::Revoke { id: parse_id("id", &self.id)? };
        let rule::RevokeReply { id } = shell.keeper.execute(caller, revoke).await?;
        Ok(wire::RevokeReply { id: id.to_string() })
    }
}
