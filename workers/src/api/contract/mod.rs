//! The API's contract, OpenAPI 3.1, made from the same table as the router, and as the edge's: a route
//! cannot exist without its documentation, nor be documented without existing.
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
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::{MethodFilter, get, on};
use gavel_core::wire::Problem;
use gavel_core::wire::routes::{Method, Name, Route};
use schemars::SchemaGenerator;
use schemars::generate::{Contract, SchemaSettings};
use serde::Serialize;
use serde_json::{Map, Value, json};

pub(super) use self::operation::Operation;
use super::deps::Deps;

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

    /// Serves and documents a route.
    pub(super) fn serve<T: 'static>(
        mut self,
        route: &'static Route,
        handler: impl Handler<T, Deps>,
        operation: Operation,
    ) -> Self {
        let filter = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
            Method::Patch => MethodFilter::PATCH,
            Method::Delete => MethodFilter::DELETE,
        };
        self.document(route, operation);
        Self { router: self.router.route(route.path, on(filter, handler)), ..self }
    }

    /// Documents the contract itself. It is served once it is written.
    pub(super) fn contract(mut self, route: &'static Route) -> Self {
        let schema = |_: &mut SchemaGenerator| {
            let required = ["openapi", "info", "paths"];
            schemars::json_schema!({ "type": "object", "required": required })
        };
        let own = Operation::new("This document");
        self.document(route, own.answers_with(200, "The contract of the API.", schema));
        self
    }

    fn document(&mut self, route: &'static Route, operation: Operation) {
        let written = operation.write(route, &mut self.parts);
        let methods = self.paths.entry(route.path).or_default();
        methods.insert(route.method.as_str().to_lowercase(), written);
    }

    /// The router, which also serves the contract itself, and the contract.
    pub(super) fn finish(self) -> (Router<Deps>, String) {
        let Self { router, paths, parts } = self;
        let contract = write(paths, parts);
        let age = format!("public, max-age={CONTRACT_AGE_S}");
        let headers = [(CONTENT_TYPE, "application/json".to_owned()), (CACHE_CONTROL, age)];
        let served = contract.clone();
        let handler = async move |_: super::identity::Caller| (headers.clone(), served.clone());
        (router.route(Name::GetContract.route().path, get(handler)), contract)
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
