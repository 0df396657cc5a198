//! The OpenAPI 3.1 document, made from the table; the same table gives the same document, byte for byte.

use std::collections::BTreeMap;

use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use crate::error::{Code, ErrorBody};
use crate::health::{Health, LIVE_PATH, METRICS_PATH, READY_PATH};
use crate::operation::{Example, OPERATIONS, Operation};
use crate::{IDEMPOTENCY_KEY, REQUEST_ID};

/// The whole document.
#[must_use]
pub fn document() -> Value {
    // One generator for each direction: a field with a default may be left out of a request, but is always in a reply.
    let mut requests = settings().for_deserialize().into_generator();
    let mut replies = settings().for_serialize().into_generator();
    let mut paths = Map::new();
    for operation in OPERATIONS {
        paths.insert(operation.path(), json!({ "post": describe(operation, &mut requests, &mut replies) }));
    }
    add_monitoring(&mut paths, &mut replies);
    let error = replies.subschema_for::<ErrorBody>();
    let mut schemas = requests.take_definitions(true);
    schemas.extend(replies.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Strongroom",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }, {}],
        "tags": tags(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": error_responses(&error.to_value()),
            "parameters": { "IdempotencyKey": idempotency_parameter() },
            "headers": { "RequestId": {
                "description": "Names this request in error bodies and in the audit trail.",
                "schema": { "type": "string", "format": "uuid" },
            } },
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "An access token, over TCP. Over the Unix socket there is none: the kernel tells who calls.",
            } },
        },
    })
}

/// The document as the text that is checked in.
#[must_use]
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&document()).expect("a document is JSON");
    text.push('\n');
    text
}

const INTRODUCTION: &str = "Every operation is a POST with a JSON object; its path is its word with `/` for `.`, so \
    `secret.get` is `POST /api/v1/secret/get`. Names stand in bodies, never in paths. Bytes are base64 in fields that end \
    in `_base64`, times are RFC 3339 in UTC, to the millisecond. An empty body stands for `{}`. A request with an unknown \
    field is refused; a client shall take replies with unknown fields. A change that is repeated with the same \
    `Idempotency-Key` within 24 hours is done once. What is not HTTP, or has a head that is too large, is refused by HTTP \
    alone, with 400 or 431 and no body.";

fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    })
}

fn describe(operation: &Operation, requests: &mut SchemaGenerator, replies: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    responses.insert(
        "200".to_owned(),
        json!({
            "description": "Done, and recorded in the audit trail.",
            "headers": { (REQUEST_ID): { "$ref": "#/components/headers/RequestId" } },
            "content": { "application/json": {
                "schema": (operation.reply_schema)(replies),
                "example": (operation.reply_example)(),
            } },
        }),
    );
    for status in statuses().keys() {
        let reference = format!("#/components/responses/Error{status}");
        responses.insert(status.to_string(), json!({ "$ref": reference }));
    }
    let mut described = json!({
        "operationId": operation.word,
        "tags": [tag(operation)],
        "summary": operation.summary,
        "x-strongroom-changes": operation.changes,
        "x-strongroom-while-locked": operation.while_locked,
        "requestBody": {
            "required": needs_a_body(operation, requests),
            "content": { "application/json": {
                "schema": (operation.request_schema)(requests),
                "example": (operation.request_example)(),
            } },
        },
        "responses": responses,
    });
    if operation.changes {
        described["parameters"] = json!([{ "$ref": "#/components/parameters/IdempotencyKey" }]);
    }
    described
}

/// An empty body stands for `{}`, so only an operation with a required field needs one.
fn needs_a_body(operation: &Operation, requests: &mut SchemaGenerator) -> bool {
    let request = (operation.request_schema)(requests);
    let definition = request.as_value()["$ref"].as_str().and_then(|target| target.rsplit('/').next());
    let definition = definition.and_then(|name| requests.definitions().get(name));
    definition.is_some_and(|definition| definition.get("required").is_some())
}

fn tag(operation: &Operation) -> &'static str {
    operation.word.split_once('.').map_or("server", |(capability, _)| capability)
}

fn tags() -> Value {
    let mut names: Vec<&str> = Vec::new();
    for name in OPERATIONS.iter().map(|operation| tag(operation)).chain(["health"]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.into_iter().map(|name| json!({ "name": name })).collect()
}

fn statuses() -> BTreeMap<u16, Vec<Code>> {
    let mut statuses: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in Code::ALL {
        statuses.entry(code.status()).or_default().push(*code);
    }
    statuses
}

fn error_responses(schema: &Value) -> Value {
    let mut responses = Map::new();
    for (status, codes) in statuses() {
        let lines: Vec<String> = codes
            .iter()
            .map(|code| {
                let again = if code.retry() { " May be tried again." } else { "" };
                format!("- `{code}`: {}.{again}", code.fix())
            })
            .collect();
        let mut example = ErrorBody::example();
        if let (false, Some(first)) = (codes.contains(&example.error.code), codes.first()) {
            example.error.code = *first;
            example.error.message = "what was attempted, and why it was not done".to_owned();
            example.error.fix = first.fix().to_owned();
        }
        responses.insert(
            format!("Error{status}"),
            json!({
                "description": lines.join("\n"),
                "headers": { (REQUEST_ID): { "$ref": "#/components/headers/RequestId" } },
                "content": { "application/json": { "schema": schema, "example": example } },
            }),
        );
    }
    Value::Object(responses)
}

fn idempotency_parameter() -> Value {
    json!({
        "name": IDEMPOTENCY_KEY,
        "in": "header",
        "required": false,
        "description": "Names this change, so that it is done once however often it is sent within 24 hours.",
        "schema": { "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$" },
    })
}

fn add_monitoring(paths: &mut Map<String, Value>, replies: &mut SchemaGenerator) {
    let health = replies.subschema_for::<Health>().to_value();
    let answer = |description: &str| json!({ "description": description, "content": { "application/json": { "schema": health } } });
    let get = |id: &str, summary: &str, responses: Value| {
        json!({ "get": {
            "operationId": id, "tags": ["health"], "summary": summary, "security": [{}], "responses": responses,
        } })
    };
    let other = json!({ "$ref": "#/components/responses/Error405" });
    let live = json!({ "200": answer("It answers."), "405": other });
    paths.insert(LIVE_PATH.to_owned(), get("health.live", "Whether the process answers at all.", live));
    let ready =
        json!({ "200": answer("It can be used."), "503": answer("It cannot; the reasons say why."), "405": other });
    paths.insert(READY_PATH.to_owned(), get("health.ready", "Whether the service can be used.", ready));
    let metrics = json!({ "200": {
        "description": "Prometheus text; no names.",
        "content": { "text/plain": { "schema": { "type": "string" } } },
    }, "405": other });
    paths.insert(METRICS_PATH.to_owned(), get("metrics", "Counters and gauges for a monitor.", metrics));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    if let ("$ref", Some(target)) = (name.as_str(), field.as_str()) {
                        found.insert(target.to_owned());
                    }
                    references(field, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_schema_is_used() {
        let document = document();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in &found {
            let pointer = reference.strip_prefix('#').expect("references stay in the document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        let schemas = document["components"]["schemas"].as_object().expect("an object");
        for name in schemas.keys() {
            assert!(found.contains(&format!("#/components/schemas/{name}")), "{name}");
            assert!(!name.ends_with(|last: char| last.is_ascii_digit()), "two types are called {name}");
        }
    }

    #[test]
    fn it_is_the_table() {
        let document = document();
        let paths = document["paths"].as_object().expect("an object");
        assert_eq!(paths.len(), OPERATIONS.len() + 3);
        for operation in OPERATIONS {
            let described = &paths[&operation.path()]["post"];
            assert_eq!(described["operationId"], operation.word);
            assert_eq!(described.get("parameters").is_some(), operation.changes);
            assert_eq!(
                described["responses"]["200"]["content"]["application/json"]["example"],
                (operation.reply_example)()
            );
            for code in Code::ALL {
                assert!(described["responses"].get(code.status().to_string()).is_some(), "{code}");
            }
        }
    }

    #[test]
    fn requests_are_closed_and_replies_are_open() {
        let document = document();
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["SecretPutRequest"]["additionalProperties"], Value::Bool(false));
        assert!(schemas["SecretPutReply"].get("additionalProperties").is_none());
        assert_eq!(schemas["SecretPutRequest"]["required"], json!(["name", "value_base64"]));
        assert_eq!(schemas["SecretPutRequest"]["properties"]["value_base64"]["contentEncoding"], "base64");
    }

    #[test]
    fn it_is_the_same_each_time() {
        assert_eq!(text(), text());
    }
}
