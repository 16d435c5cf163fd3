//! Query parameters: each known, at most once, and of its type.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use gavel_core::limits::{
    CURSOR_LEN_MAX, LABEL_CHARS_MAX, LINK_TOKEN_LEN_MAX, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX,
};
use gavel_core::wire::{FieldError, Problem, Status, whole_number};

use super::problem::ApiError;
use crate::catalog::Filter;

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageQuery {
    pub(super) cursor: Option<String>,
    pub(super) limit: u32,
}

/// Which auctions, and which page of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListQuery {
    pub(super) filter: Filter,
    pub(super) page: PageQuery,
}

/// The token of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenQuery {
    pub(super) token: String,
}

/// The parameters nobody took yet, and the faults so far.
struct Parameters {
    left: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Parameters {
    fn of(query: &str) -> Self {
        let left = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { left, errors: Vec::new() }
    }

    fn take<T>(
        &mut self,
        name: &str,
        reason: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let index = self.left.iter().position(|(other, _)| other == name)?;
        let (_, value) = self.left.swap_remove(index);
        if self.left.iter().any(|(other, _)| other == name) {
            self.left.retain(|(other, _)| other != name);
            self.errors.push(FieldError::new(name, "appears twice"));
            return None;
        }
        let read = read(&value);
        if read.is_none() {
            self.errors.push(FieldError::new(name, reason));
        }
        read
    }

    fn page(&mut self) -> PageQuery {
        let cursor = self.take("cursor", "must be a `next_cursor` of this list", |text| {
            (1..=CURSOR_LEN_MAX).contains(&text.len()).then(|| text.to_owned())
        });
        let reason = format!("must be a whole number from 1 to {PAGE_ITEMS_MAX}");
        let limit = self.take("limit", &reason, |text| {
            let limit = u32::try_from(whole_number(text)?).ok()?;
            (1..=PAGE_ITEMS_MAX).contains(&limit).then_some(limit)
        });
        PageQuery { cursor, limit: limit.unwrap_or(PAGE_ITEMS_DEFAULT) }
    }

    fn filter(&mut self) -> Filter {
        let status =
            self.take("status", "must be scheduled, live, paused or closed", Status::parse);
        let reason = format!("must be a text of 1 to {LABEL_CHARS_MAX} printable characters");
        let category = self.take("category", &reason, |text| {
            let printable = !text.trim().is_empty() && !text.chars().any(char::is_control);
            (printable && text.chars().count() <= LABEL_CHARS_MAX).then(|| text.to_owned())
        });
        Filter { status, category }
    }

    fn finish<T>(mut self, value: T) -> Result<T, ApiError> {
        if let Some((name, _)) = self.left.first() {
            let name: String = name.chars().take(LABEL_CHARS_MAX).collect();
            self.errors.push(FieldError::new(name, "is not a known parameter"));
        }
        if self.errors.is_empty() { Ok(value) } else { Err(Problem::invalid(self.errors).into()) }
    }
}

fn page(query: &str) -> Result<PageQuery, ApiError> {
    let mut parameters = Parameters::of(query);
    let page = parameters.page();
    parameters.finish(page)
}

fn list(query: &str) -> Result<ListQuery, ApiError> {
    let mut parameters = Parameters::of(query);
    let list = ListQuery { filter: parameters.filter(), page: parameters.page() };
    parameters.finish(list)
}

fn token(query: &str) -> Result<TokenQuery, ApiError> {
    let mut parameters = Parameters::of(query);
    let token = parameters.take("token", "must be that of a link of ours", |text| {
        (1..=LINK_TOKEN_LEN_MAX).contains(&text.len()).then(|| text.to_owned())
    });
    if token.is_none() && parameters.errors.is_empty() {
        parameters.errors.push(FieldError::new("token", "is required"));
    }
    parameters.finish(TokenQuery { token: token.unwrap_or_default() })
}

impl<S: Sync> FromRequestParts<S> for TokenQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        token(parts.uri.query().unwrap_or_default())
    }
}

impl<S: Sync> FromRequestParts<S> for PageQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        page(parts.uri.query().unwrap_or_default())
    }
}

impl<S: Sync> FromRequestParts<S> for ListQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        list(parts.uri.query().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_filter_and_a_page() {
        let read = list("status=live&category=fine%20art&limit=5&cursor=abc").unwrap();
        assert_eq!(read.filter.status, Some(Status::Live));
        assert_eq!(read.filter.category.as_deref(), Some("fine art"));
        assert_eq!(read.page, PageQuery { cursor: Some("abc".to_owned()), limit: 5 });
        assert_eq!(list("").unwrap().page.limit, PAGE_ITEMS_DEFAULT);
        for limit in ["limit=50.0", "limit=5e1"] {
            assert_eq!(page(limit).unwrap().limit, 50, "{limit}");
        }
    }

    #[test]
    fn a_wrong_parameter_is_refused() {
        for wrong in [
            "limit=0",
            "limit=101",
            "limit=%2B5",
            "limit=5.5",
            "limit=1e9",
            "limit=1e999999999",
            "limit=",
            "limit=x",
            "cursor=",
            "status=open",
            "category=",
            "category=%00",
            "stauts=live",
            "limit=5&limit=5",
        ] {
            assert!(list(wrong).is_err(), "{wrong}");
        }
        assert!(page("status=live").is_err());
    }

    #[test]
    fn a_link_has_one_token() {
        assert_eq!(token("token=a.b").unwrap().token, "a.b");
        for wrong in ["", "token=", "token=a&token=a", "token=a&x=1"] {
            assert!(token(wrong).is_err(), "{wrong}");
        }
    }
}
