//! The Wasm component: the runtime's entry point around the pipeline, and the ports by the runtime.
//!
//! The handler of `wasi:http` is exported as it is, without the SDK's conversions: those copy every
//! header of a request, of which few are ever looked at, and answer a bare 500 to what they cannot
//! convert. The thread-local is the instance's memory between requests: configuration, keys, verified
//! tokens, counts. Nothing of a request is in it.

mod incoming;
mod outgoing;
mod ports;
mod store;

use std::cell::RefCell;
use std::rc::Rc;

use spin_sdk::variables;
use spin_sdk::wasip3::exports::http::handler::Guest;
use spin_sdk::wasip3::http::types::{ErrorCode, Request, Response};

use self::ports::Runtime;
use crate::config::{self, Config};
use crate::log;
use crate::pipeline::{Gateway, handle};

thread_local! {
    static GATEWAY: RefCell<Option<Rc<Gateway>>> = const { RefCell::new(None) };
}

struct Edge;

spin_sdk::wasip3::http::service::export!(Edge);

impl Guest for Edge {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let gateway = gateway().await;
        let request = incoming::read(request)?;
        outgoing::reply(handle(&Runtime, gateway.as_deref(), request).await)
    }
}

/// The instance's gateway; a configuration that cannot be read or used is logged, and read again next
/// time.
async fn gateway() -> Option<Rc<Gateway>> {
    if let Some(gateway) = GATEWAY.with_borrow(Clone::clone) {
        return Some(gateway);
    }
    let get = async |name: &'static str| match variables::get(name).await {
        Ok(value) => Ok(Some(value)),
        Err(variables::Error::Undefined(_)) => Ok(None),
        // Without what the provider says: it may quote a secret.
        Err(_) => Err(()),
    };
    let values = match config::read(get).await {
        Ok(values) => values,
        Err((name, ())) => {
            log::warn("a variable cannot be read", &[("variable", &name)]);
            return None;
        }
    };
    match Config::parse(|name| values.get(name).cloned()) {
        Ok(config) => {
            // Another request of this instance may have been faster; what it put is as good.
            let gateway = GATEWAY.with_borrow_mut(|slot| {
                Rc::clone(slot.get_or_insert_with(|| Rc::new(Gateway::new(config))))
            });
            Some(gateway)
        }
        Err(errors) => {
            for error in &errors {
                let fields: [(&str, &dyn std::fmt::Display); 2] =
                    [("variable", &error.variable), ("reason", error)];
                log::warn("unusable configuration", &fields);
            }
            None
        }
    }
}
