//! Turns a manifest and its values into an application that can be run: one factory a component.
//!
//! Everything that can be wrong with a component is found here, before a socket is opened, and all
//! of it is reported at once with its line: templates, outbound hosts, stores, the file itself, the
//! interfaces it imports and exports.

pub mod manifest;
pub mod names;
pub mod routes;
pub mod variables;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use wasmtime::Engine;
use wasmtime::component::{Component as Wasm, Linker};
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::app::manifest::{Component, Manifest, ManifestError, Problem, refused};
use crate::app::routes::Router;
use crate::app::variables::Values;
use crate::guest::key_value::KeyValueGrant;
use crate::guest::state::{self, Grants, Guest};
use crate::guest::store::{StoreError, Stores};
use crate::guest::worker::{InstanceFactory, ReusePolicy};
use crate::outbound::allowed_hosts::{AllowedHost, AllowedHosts};
use crate::outbound::{OutboundClient, OutboundHooks, TlsSetupError};

/// A loaded application.
#[derive(Debug)]
pub struct App {
    /// Which component answers a path.
    pub router: Router,
    /// What makes instances, by component id.
    pub components: HashMap<String, InstanceFactory>,
}

/// Why an application cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The manifest, or a component it names, cannot be run.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The state folder could not be made.
    #[error("cannot create {}", path.display())]
    StateDir {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The key-value store could not be opened.
    #[error("cannot open the key-value store {}", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: StoreError,
    },
    /// Outbound TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
    /// The WebAssembly runtime could not be set up.
    #[error("cannot set up the WebAssembly runtime: {0:#}")]
    Runtime(#[from] wasmtime::Error),
}

/// Loads the application of a manifest at `path`, keeping its state in `state_dir`, whose every operation
/// takes `store_latency` longer.
///
/// # Errors
/// [`LoadError::Manifest`] with every problem found in the components, or what else prevents a start.
pub fn load(
    path: &Path,
    manifest: &Manifest,
    values: &Values,
    state_dir: &Path,
    store_latency: Duration,
    policy: ReusePolicy,
    engine: &Engine,
) -> Result<App, LoadError> {
    std::fs::create_dir_all(state_dir)
        .map_err(|source| LoadError::StateDir { path: state_dir.to_path_buf(), source })?;
    let store_path = state_dir.join("sqlite_key_value.db");
    let stores = Stores::open(&store_path)
        .map_err(|source| LoadError::Store { path: store_path, source })?;
    let loader = Loader {
        folder: path.parent().unwrap_or(Path::new("")),
        values,
        engine,
        linker: state::linker(engine)?,
        stores: Arc::new(stores),
        store_latency,
        client: OutboundClient::new()?,
    };

    let mut problems = Vec::new();
    let mut components = HashMap::new();
    for (id, component) in &manifest.components {
        let grants = loader.grants(id, component, &mut problems);
        match loader.compile(component) {
            Ok(service) => {
                let factory = InstanceFactory::new(engine.clone(), service, grants, policy);
                components.insert(id.clone(), factory);
            }
            Err(problem) => problems.push(problem),
        }
    }
    let routes =
        manifest.triggers.iter().map(|t| (t.route.value.as_str(), t.component.value.as_str()));
    let router = Router::new(routes).map_err(|error| vec![Problem::new(1, error.to_string())]);
    match router {
        Ok(router) if problems.is_empty() => Ok(App { router, components }),
        Ok(_) => Err(refused(path, problems).into()),
        Err(problems) => Err(refused(path, problems).into()),
    }
}

struct Loader<'a> {
    folder: &'a Path,
    values: &'a Values,
    engine: &'a Engine,
    linker: Linker<Guest>,
    stores: Arc<Stores>,
    store_latency: Duration,
    client: OutboundClient,
}

impl Loader<'_> {
    fn grants(&self, id: &str, component: &Component, problems: &mut Vec<Problem>) -> Grants {
        let mut variables = Vec::new();
        for (name, template) in &component.variables {
            match self.values.fill(&template.value) {
                Ok(value) => variables.push((name.clone(), value)),
                Err(error) => problems.push(Problem::new(template.line, error.to_string())),
            }
        }
        let mut places = Vec::new();
        for entry in &component.allowed_outbound_hosts {
            match self.values.fill(&entry.value) {
                Ok(value) => match AllowedHost::parse(&value) {
                    Ok(place) => places.push(place),
                    Err(error) => {
                        problems.push(Problem::new(entry.line, error.for_entry(&entry.value)));
                    }
                },
                Err(error) => problems.push(Problem::new(entry.line, error.to_string())),
            }
        }
        let stores: BTreeSet<String> =
            component.key_value_stores.iter().map(|label| label.value.clone()).collect();
        let name: Arc<str> = id.into();
        let allowed: AllowedHosts = places.into_iter().collect();
        Grants {
            component: Arc::clone(&name),
            outbound: OutboundHooks {
                client: self.client.clone(),
                allowed: Arc::new(allowed),
                component: name,
            },
            key_value: KeyValueGrant {
                stores: Arc::clone(&self.stores),
                allowed: Arc::new(stores),
                latency: self.store_latency,
            },
            variables: Arc::new(variables.into_iter().collect()),
        }
    }

    /// Reads, compiles and links a component. Its imports must all be here, and it must export
    /// `wasi:http/handler@0.3.0`: older generations of the interface are Spin's business.
    fn compile(&self, component: &Component) -> Result<ServicePre<Guest>, Problem> {
        let path = self.folder.join(&component.source.value);
        let line = component.source.line;
        let problem = |what: &str, error: &dyn std::fmt::Display| {
            Problem::new(line, format!("{}: {what}: {error}", path.display()))
        };
        let bytes =
            std::fs::read(&path).map_err(|error| problem("cannot read the component", &error))?;
        let wasm = Wasm::new(self.engine, bytes)
            .map_err(|error| problem("not a component this host can run", &format!("{error:#}")))?;
        let linked = self.linker.instantiate_pre(&wasm).map_err(|error| {
            problem("imports what gavel-host does not offer", &format!("{error:#}"))
        })?;
        ServicePre::new(linked).map_err(|error| {
            problem("does not export wasi:http/handler@0.3.0", &format!("{error:#}"))
        })
    }
}
