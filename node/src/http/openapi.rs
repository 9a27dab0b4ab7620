//! `/openapi.json`: the description of every endpoint, OpenAPI 3.1.

use actix_web::{web, Responder};
use schemars::generate::SchemaSettings;
use schemars::SchemaGenerator;
use serde_json::{json, Map, Value};

use super::endpoint::{Access, Answer, Endpoint};
use crate::api::Problem;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/openapi.json", "This description")
        .answer(Answer::Text("application/json"))
        .to(handle)
}

async fn handle() -> impl Responder {
    web::Json(document())
}

/// The OpenAPI document of this version of the program.
pub fn document() -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in super::endpoints() {
        let operation = operation(&endpoint, &mut generator);
        let methods = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        if let Value::Object(methods) = methods {
            methods.insert(endpoint.method.as_str().to_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Zarnitsa",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": "A Lightning node on a local Exonum ledger. Millisatoshis are decimal strings.",
        },
        "servers": [{ "url": "http://127.0.0.1:9780" }],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "read": { "type": "http", "scheme": "bearer", "description": "read.token or full.token" },
                "full": { "type": "http", "scheme": "bearer", "description": "full.token" },
            },
        },
    })
}

fn operation(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "summary": endpoint.summary,
        "operationId": operation_id(endpoint),
        "security": match endpoint.access {
            Access::Open => json!([]),
            Access::Read => json!([{ "read": [] }]),
            Access::Command => json!([{ "full": [] }]),
        },
        "parameters": parameters(endpoint, generator),
        "responses": responses(endpoint, generator),
    });
    if let (Some(body), Value::Object(operation)) = (endpoint.body, &mut operation) {
        let body = json!({
            "required": true,
            "content": { "application/json": { "schema": body(generator) } },
        });
        operation.insert("requestBody".into(), body);
    }
    operation
}

/// `get_channels_id_history`: stable, from method and path.
fn operation_id(endpoint: &Endpoint) -> String {
    let path = endpoint
        .path
        .trim_start_matches("/api/services/lightning/v1")
        .trim_start_matches("/api");
    let words = path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    format!(
        "{}_{}",
        endpoint.method.as_str().to_lowercase(),
        words.join("_")
    )
}

fn parameters(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Vec<Value> {
    let in_path = endpoint.path.split('{').skip(1).filter_map(|part| {
        let (name, _) = part.split_once('}')?;
        Some(
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }),
        )
    });
    let mut parameters: Vec<Value> = in_path.collect();
    let Some(query) = endpoint.query else {
        return parameters;
    };
    let schema = query(generator).to_value();
    // The schema of a named type is a reference; its parameters are listed one by one.
    let schema = match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => {
            let name = reference.rsplit('/').next().unwrap_or_default();
            generator
                .definitions()
                .get(name)
                .cloned()
                .unwrap_or_default()
        }
        None => schema,
    };
    let required = schema
        .get("required")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    for (name, schema) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        parameters.push(json!({
            "name": name,
            "in": "query",
            "required": required.iter().any(|required| required == name),
            "description": schema.get("description").cloned().unwrap_or_default(),
            "schema": schema,
        }));
    }
    parameters
}

fn responses(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let content = |media: &str, schema: Value| json!({ media: { "schema": schema } });
    let (status, success) = match endpoint.answer {
        Answer::Json(schema) => {
            let schema = schema(generator).to_value();
            (
                "200",
                json!({ "description": "Done", "content": content("application/json", schema) }),
            )
        }
        Answer::Exonum => {
            let content = content("application/json", json!({ "type": "object" }));
            (
                "200",
                json!({ "description": "As Exonum 1.0's explorer answers", "content": content }),
            )
        }
        Answer::Text(media) => {
            let content = content(media, json!({ "type": "string" }));
            ("200", json!({ "description": "Done", "content": content }))
        }
        Answer::WebSocket(schema) => {
            let schema = schema(generator).to_value();
            let description = "A WebSocket; each text message is one such value";
            (
                "101",
                json!({ "description": description, "content": content("application/json", schema) }),
            )
        }
    };
    let problem = generator.subschema_for::<Problem>().to_value();
    let refusal = content("application/problem+json", problem);
    json!({
        status: success,
        "default": { "description": "Refused", "content": refusal },
    })
}
