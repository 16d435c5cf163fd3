//! `spin:variables@3.0.0` for guests: the component's own variables, fixed at start.
//!
//! A component sees only the names its `[component.<id>.variables]` lists, never those of the
//! application.

use std::sync::Arc;

use wasmtime::component::{Accessor, HasData};

use crate::app::names;
use crate::app::variables::Values;
use crate::guest::bindings::variables::{Error, Host, HostWithStore};

/// Access to the variables of a guest's component.
#[derive(Debug)]
pub struct VariablesView<'a>(pub &'a Arc<Values>);

/// Names [`VariablesView`] as the data of the interface.
#[derive(Debug)]
pub struct Variables;

impl HasData for Variables {
    type Data<'a> = VariablesView<'a>;
}

impl Host for VariablesView<'_> {}

impl<T> HostWithStore<T> for Variables {
    async fn get(
        accessor: &Accessor<T, Self>,
        name: String,
    ) -> wasmtime::Result<Result<String, Error>> {
        let values = accessor.with(|mut access| Arc::clone(access.get().0));
        if !names::is_key(&name) {
            return Ok(Err(Error::InvalidName(format!("{name:?} is no variable name"))));
        }
        let value = values.get(&name).map(str::to_owned);
        Ok(value
            .ok_or_else(|| Error::Undefined(format!("no variable {name:?} for this component"))))
    }
}
