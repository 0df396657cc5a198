//! `token`: issue, list, revoke.

use strongroom_api::token::{IssueRequest, ListReply, ListRequest, RevokeRequest, Role as WireRole};

use crate::cli::{Role, Token};
use crate::command::Here;
use crate::failure::Failure;
use crate::output::table;

/// Runs one of them.
pub fn run(here: &Here<'_>, token: Token) -> Result<(), Failure> {
    match token {
        Token::Issue { role, expires, description } => here.call(|client, output| async move {
            let role = match role {
                Role::Admin => WireRole::Admin,
                Role::Data => WireRole::Data,
                Role::Read => WireRole::Read,
                Role::Columns => WireRole::Columns,
            };
            let reply = client.call(&IssueRequest { role, expires_in_seconds: expires, description }).await?;
            if output.is_json() {
                output.json_line(&reply);
                return Ok(());
            }
            output.remark(&format!("token {} until {}; it is shown this once", reply.id, reply.expires_at));
            output.text(reply.token.into_token().expose());
            Ok(())
        }),
        Token::List => here.call(|client, output| async move {
            let mut whole = ListReply { tokens: Vec::new(), withheld: Vec::new(), next: None };
            let mut after = None;
            loop {
                let page = client.call(&ListRequest { after: after.take(), limit: Some(1000) }).await?;
                whole.tokens.extend(page.tokens);
                whole.withheld.extend(page.withheld);
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            output.answer(&whole, || listed(&whole));
            Ok(())
        }),
        Token::Revoke { id } => here.call(|client, output| async move {
            let reply = client.call(&RevokeRequest { id }).await?;
            output.answer(&reply, || format!("token {} is revoked", reply.id));
            Ok(())
        }),
    }
}

fn listed(list: &ListReply) -> String {
    let rows: Vec<Vec<String>> = list
        .tokens
        .iter()
        .map(|token| {
            let state = if token.expired { "expired" } else { "live" };
            let description = token.description.clone().unwrap_or_default();
            vec![
                token.id.clone(),
                token.role.clone(),
                state.into(),
                token.expires_at.clone(),
                token.issued_by.clone(),
                description,
            ]
        })
        .collect();
    if rows.is_empty() {
        "no tokens".into()
    } else {
        table(&["ID", "ROLE", "STATE", "EXPIRES", "ISSUED BY", "DESCRIPTION"], &rows)
    }
}
