//! The query, by the rules that the workers have too. Its length is the edge's own business.

use std::borrow::Cow;

use gavel_core::wire::routes::Route;

use crate::limits::QUERY_BYTES_MAX;
use crate::refusal::Refusal;

/// Checks the query of a route. What is given back is forwarded: the same, but for what tools added to a
/// link.
pub fn check<'a>(route: &Route, query: Option<&'a str>) -> Result<Cow<'a, str>, Refusal> {
    let query = query.unwrap_or_default();
    if query.len() > QUERY_BYTES_MAX {
        let reason = format!("may have at most {QUERY_BYTES_MAX} bytes");
        return Err(Refusal::field("query", &reason));
    }
    route.query.check(query).map_err(Refusal::Fields)
}

#[cfg(test)]
mod tests {
    use gavel_core::wire::routes::Name;

    use super::*;

    #[test]
    fn a_query_that_is_too_long_is_refused_before_it_is_read() {
        let longest = "&".repeat(QUERY_BYTES_MAX);
        let fault = |name: Name, query: &str| match check(name.route(), Some(query)) {
            Ok(_) => None,
            Err(Refusal::Fields(errors)) => errors.into_iter().map(|error| error.field).next(),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(fault(Name::ListAuctions, &longest), None);
        for name in [Name::ListAuctions, Name::CreateAuction] {
            assert_eq!(fault(name, &format!("{longest}&")).as_deref(), Some("query"));
        }
        assert_eq!(fault(Name::CreateAuction, "dry_run=1").as_deref(), Some("dry_run"));
        assert!(check(Name::Health.route(), None).is_ok());
    }
}
