//! Which component answers a path: Spin's route language.
//!
//! A pattern is literal segments, `:name` for any one segment, and at most one trailing `/...` for
//! any rest. Where several match, the more literal one wins, segment by segment from the left, so
//! the order in the manifest does not matter. Percent-escapes are not decoded, a trailing slash is
//! not significant, and paths under [`RESERVED_PREFIX`] never reach a component: all as in Spin.

/// Spin keeps this prefix for itself.
pub const RESERVED_PREFIX: &str = "/.well-known/spin/";

/// One step of a pattern. The order is the order of preference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Param(String),
    Rest,
}

/// A parsed route.
#[derive(Debug, Clone)]
pub struct Pattern {
    segments: Vec<Segment>,
    text: String,
}

/// A route that cannot be parsed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RouteError {
    /// It does not start with a slash.
    #[error("gavel-host wants route {0:?} to begin with /; Spin puts it there")]
    Relative(String),
    /// The wildcard is not the last segment.
    #[error("gavel-host takes ... and * only at the end of route {0:?}; Spin does more")]
    WildcardInside(String),
    /// A `:` without a name after it.
    #[error("route {0:?} has a parameter without a name")]
    Unnamed(String),
    /// It lies under the prefix the runtime keeps for itself.
    #[error(
        "gavel-host refuses route {0:?}, which is reserved for the runtime; Spin never uses it"
    )]
    Reserved(String),
    /// Another one matches the same paths.
    #[error("gavel-host refuses route {0:?}, which is already taken; Spin uses one of the two")]
    Taken(String),
    /// A parameter with a dot in its segment.
    #[error("gavel-host does not support a dot beside the parameter of route {0:?}; Spin does")]
    DottedParam(String),
    /// A wildcard with a name.
    #[error("route {0:?} has a wildcard with a name: it must be * alone")]
    NamedWildcard(String),
}

impl PartialEq for Pattern {
    /// Two patterns are equal when they match the same paths; names of parameters do not count.
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&Segment, &Segment)| match (a, b) {
            (Segment::Param(_), Segment::Param(_)) => true,
            _ => a == b,
        };
        self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(same)
    }
}

impl Pattern {
    /// Parses a route as `spin.toml` writes it.
    ///
    /// # Errors
    /// [`RouteError`] says what is wrong with it.
    pub fn parse(route: &str) -> Result<Self, RouteError> {
        let Some(path) = route.strip_prefix('/') else {
            return Err(RouteError::Relative(route.to_owned()));
        };
        if route.starts_with(RESERVED_PREFIX) {
            return Err(RouteError::Reserved(route.to_owned()));
        }
        let mut segments = Vec::new();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            if segments.last() == Some(&Segment::Rest) {
                return Err(RouteError::WildcardInside(route.to_owned()));
            }
            segments.push(match (segment, segment.strip_prefix(':')) {
                ("..." | "*", _) => Segment::Rest,
                (_, Some("")) => return Err(RouteError::Unnamed(route.to_owned())),
                _ if segment.starts_with('*') => {
                    return Err(RouteError::NamedWildcard(route.to_owned()));
                }
                (_, Some(name)) if name.contains('.') => {
                    return Err(RouteError::DottedParam(route.to_owned()));
                }
                (_, Some(name)) => Segment::Param(name.to_owned()),
                _ => Segment::Literal(segment.to_owned()),
            });
        }
        Ok(Self { segments, text: route.to_owned() })
    }

    /// How literal the pattern is: the smaller, the sooner it is tried.
    fn preference(&self) -> Vec<u8> {
        self.segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(_) => 0,
                Segment::Param(_) => 1,
                Segment::Rest => 2,
            })
            .collect()
    }

    fn matches<'p>(&self, path: &'p str) -> Option<(Vec<(String, &'p str)>, &'p str)> {
        let mut params = Vec::new();
        // What is left of the path, with the slash that precedes it.
        let mut rest = path;
        for segment in &self.segments {
            if *segment == Segment::Rest {
                return Some((params, rest));
            }
            let step = rest.strip_prefix('/')?;
            let end = step.find('/').unwrap_or(step.len());
            let (head, tail) = step.split_at(end);
            match segment {
                Segment::Literal(literal) if literal == head => {}
                Segment::Param(name) if !head.is_empty() => params.push((name.clone(), head)),
                _ => return None,
            }
            rest = tail;
        }
        matches!(rest, "" | "/").then_some((params, ""))
    }
}

/// A path's route: who answers, and what the route captured.
#[derive(Debug, PartialEq, Eq)]
pub struct RouteMatch<'r, 'p> {
    /// The id of the component.
    pub component: &'r str,
    /// The route as the manifest writes it.
    pub route: &'r str,
    /// What the trailing `/...` stands for, with its leading slash; empty for other routes.
    pub path_info: &'p str,
    /// What each `:name` stands for.
    pub params: Vec<(String, &'p str)>,
}

/// All routes of an application.
#[derive(Debug, Default)]
pub struct Router {
    /// In order of preference.
    routes: Vec<(Pattern, String)>,
}

impl Router {
    /// Builds a router from pairs of a route and a component id.
    ///
    /// # Errors
    /// The first route that cannot be parsed.
    pub fn new<'a>(
        routes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, RouteError> {
        let mut routes = routes
            .into_iter()
            .map(|(route, component)| Ok((Pattern::parse(route)?, component.to_owned())))
            .collect::<Result<Vec<_>, RouteError>>()?;
        routes.sort_by_key(|(pattern, _)| pattern.preference());
        Ok(Self { routes })
    }

    /// The best route for `path` (without its query), if any matches.
    pub fn find<'r, 'p>(&'r self, path: &'p str) -> Option<RouteMatch<'r, 'p>> {
        self.routes.iter().find_map(|(pattern, component)| {
            let (params, path_info) = pattern.matches(path)?;
            Some(RouteMatch { component, route: &pattern.text, path_info, params })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(routes: &[&str], path: &str) -> Option<(String, String)> {
        let router = Router::new(routes.iter().map(|route| (*route, *route))).unwrap();
        router.find(path).map(|found| (found.component.to_owned(), found.path_info.to_owned()))
    }

    #[track_caller]
    fn check(routes: &[&str], path: &str, expected: Option<(&str, &str)>) {
        let expected = expected.map(|(route, info)| (route.to_owned(), info.to_owned()));
        assert_eq!(found(routes, path), expected, "{path} in {routes:?}");
        let reversed: Vec<&str> = routes.iter().rev().copied().collect();
        assert_eq!(found(&reversed, path), expected, "{path} in {reversed:?}");
    }

    #[test]
    fn the_most_literal_route_wins_in_any_order() {
        check(&["/...", "/one"], "/one", Some(("/one", "")));
        check(&["/one/...", "/one"], "/one", Some(("/one", "")));
        check(&["/one/...", "/one/two/..."], "/one/two/three", Some(("/one/two/...", "/three")));
        check(&["/:any", "/one"], "/one", Some(("/one", "")));
        check(&["/:any", "/..."], "/two", Some(("/:any", "")));
        check(&["/a/:id/bids", "/a/..."], "/a/7/bids", Some(("/a/:id/bids", "")));
        check(&["/a/:id/bids", "/a/..."], "/a/7/chat", Some(("/a/...", "/7/chat")));
    }

    #[test]
    fn the_rest_keeps_its_slashes() {
        check(&["/..."], "/", Some(("/...", "/")));
        check(&["/..."], "/a/b/", Some(("/...", "/a/b/")));
        check(&["/foo/..."], "/foo", Some(("/foo/...", "")));
        check(&["/foo/..."], "/foo/", Some(("/foo/...", "/")));
        check(&["/foo/..."], "/foobar", None);
    }

    #[test]
    fn a_trailing_slash_is_not_significant_and_more_is() {
        check(&["/foo"], "/foo/", Some(("/foo", "")));
        check(&["/foo/"], "/foo", Some(("/foo/", "")));
        check(&["/foo"], "/foo//", None);
        check(&["/foo"], "/foo/bar", None);
        check(&["/"], "/", Some(("/", "")));
        check(&["/a/:id"], "/a/", None);
    }

    #[test]
    fn parameters_are_captured_by_name() {
        let router = Router::new([("/auctions/:auction/bids/:bid", "edge")]).unwrap();
        let found = router.find("/auctions/use1_7/bids/b%2F1").unwrap();
        assert_eq!(found.params, [("auction".to_owned(), "use1_7"), ("bid".to_owned(), "b%2F1")]);
    }

    #[test]
    fn wrong_routes_are_refused() {
        let error = |route: &str| Pattern::parse(route).unwrap_err();
        assert_eq!(error("one"), RouteError::Relative("one".into()));
        assert_eq!(error("/.../one"), RouteError::WildcardInside("/.../one".into()));
        assert_eq!(error("/a/:"), RouteError::Unnamed("/a/:".into()));
        assert_eq!(
            error("/.well-known/spin/x"),
            RouteError::Reserved("/.well-known/spin/x".into())
        );
    }

    #[test]
    fn patterns_are_equal_whatever_their_parameters_are_called() {
        let pattern = |route: &str| Pattern::parse(route).unwrap();
        assert_eq!(pattern("/a/:x"), pattern("/a/:y/"));
        assert_ne!(pattern("/a/:x"), pattern("/a/x"));
        assert_ne!(pattern("/a"), pattern("/a/..."));
    }
}
