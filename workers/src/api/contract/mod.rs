//! The API's contract, OpenAPI 3.1, made from the same table as the router: a route cannot exist
//! without its documentation, nor be documented without existing.
//!
//! Schemas come from the wire types of `gavel_core`. It describes the API as clients meet it,
//! through the edge, so the edge's own refusals are in it, too.

mod operation;
mod problems;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::{MethodFilter, get, on};
use gavel_core::wire::Problem;
use schemars::SchemaGenerator;
use schemars::generate::{Contract, SchemaSettings};
use serde::Serialize;
use serde_json::{Map, Value, json};

pub(super) use self::operation::{Access, Operation};
use super::deps::Deps;

/// Where the contract is served.
const CONTRACT_PATH: &str = "/v1/openapi.json";
/// How long anybody may keep it, in seconds: it changes with a deployment only.
const CONTRACT_AGE_S: u32 = 300;

/// The routes of the API, as served and as documented.
pub(super) struct Routes {
    router: Router<Deps>,
    paths: BTreeMap<&'static str, Map<String, Value>>,
    parts: Parts,
}

/// What operations share.
struct Parts {
    schemas: SchemaGenerator,
    /// The problems that some operation can answer with, by their codes.
    problems: BTreeMap<String, Value>,
}

/// The order in which the document is written.
#[derive(Serialize)]
struct Document {
    openapi: &'static str,
    info: Value,
    servers: Value,
    paths: BTreeMap<&'static str, Map<String, Value>>,
    components: Value,
}

impl Routes {
    /// None yet.
    pub(super) fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.contract = Contract::Serialize;
        });
        let parts = Parts { schemas: settings.into_generator(), problems: BTreeMap::new() };
        Self { router: Router::new(), paths: BTreeMap::new(), parts }
    }

    /// Serves and documents `GET path`.
    pub(super) fn get<T: 'static>(
        self,
        path: &'static str,
        handler: impl Handler<T, Deps>,
        operation: Operation,
    ) -> Self {
        self.on(&Method::GET, MethodFilter::GET, path, handler, operation)
    }

    /// Serves and documents `POST path`.
    pub(super) fn post<T: 'static>(
        self,
        path: &'static str,
        handler: impl Handler<T, Deps>,
        operation: Operation,
    ) -> Self {
        self.on(&Method::POST, MethodFilter::POST, path, handler, operation)
    }

    /// Serves and documents `PATCH path`.
    pub(super) fn patch<T: 'static>(
        self,
        path: &'static str,
        handler: impl Handler<T, Deps>,
        operation: Operation,
    ) -> Self {
        self.on(&Method::PATCH, MethodFilter::PATCH, path, handler, operation)
    }

    /// Serves and documents `PUT path`.
    pub(super) fn put<T: 'static>(
        self,
        path: &'static str,
        handler: impl Handler<T, Deps>,
        operation: Operation,
    ) -> Self {
        self.on(&Method::PUT, MethodFilter::PUT, path, handler, operation)
    }

    /// Serves and documents `DELETE path`.
    pub(super) fn delete<T: 'static>(
        self,
        path: &'static str,
        handler: impl Handler<T, Deps>,
        operation: Operation,
    ) -> Self {
        self.on(&Method::DELETE, MethodFilter::DELETE, path, handler, operation)
    }

    fn on<T: 'static>(
        mut self,
        method: &Method,
        filter: MethodFilter,
        path: &'static str,
        handler: impl Handler<T, Deps>,
        operation: Operation,
    ) -> Self {
        self.document(method, path, operation);
        Self { router: self.router.route(path, on(filter, handler)), ..self }
    }

    fn document(&mut self, method: &Method, path: &'static str, operation: Operation) {
        let written = operation.write(method, path, &mut self.parts);
        self.paths.entry(path).or_default().insert(method.as_str().to_lowercase(), written);
    }

    /// The router, which also serves the contract itself, and the contract.
    pub(super) fn finish(mut self) -> (Router<Deps>, String) {
        let schema = |_: &mut SchemaGenerator| {
            let required = ["openapi", "info", "paths"];
            schemars::json_schema!({ "type": "object", "required": required })
        };
        let own = Operation::new("getContract", "This document", Access::Anyone).answers_with(
            200,
            "The contract of the API.",
            schema,
        );
        self.document(&Method::GET, CONTRACT_PATH, own);
        let Self { router, paths, parts } = self;
        let contract = write(paths, parts);
        let age = format!("public, max-age={CONTRACT_AGE_S}");
        let headers = [(CONTENT_TYPE, "application/json".to_owned()), (CACHE_CONTROL, age)];
        let served = contract.clone();
        let handler = async move |_: super::identity::Caller| (headers.clone(), served.clone());
        (router.route(CONTRACT_PATH, get(handler)), contract)
    }
}

fn write(paths: BTreeMap<&'static str, Map<String, Value>>, mut parts: Parts) -> String {
    let _used_by_all_problems = parts.schemas.subschema_for::<Problem>();
    let document = Document {
        openapi: "3.1.0",
        info: json!({
            "title": "Gavel",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Live auctions.",
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        }),
        servers: json!([{ "url": "/", "description": "The edge that served this document." }]),
        paths,
        components: json!({
            "schemas": parts.schemas.take_definitions(true),
            "responses": parts.problems,
            "headers": problems::headers(),
            "securitySchemes": operation::security_schemes(),
        }),
    };
    // Only texts as keys: writing cannot fail.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

const DESCRIPTION: &str = "\
Amounts are whole numbers of the currency's minor unit (cents for USD, yen for JPY), times \
RFC 3339 in UTC. Unknown fields and query parameters are refused; but where links lead (`/v1/auctions/{id}`, \
`/v1/unsubscribe`), parameters that tools add to them (`utm_…`, `fbclid`, `_`) are passed over. \
Whatever can be got can be asked for its head. Every refusal is an RFC 9457 problem with a stable \
`code`; branch on it, never on a text. A request with an `Idempotency-Key` can be repeated \
safely: the same key gets the first answer.";
