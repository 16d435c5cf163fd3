//! Taking typed fields out of a JSON object, collecting every fault instead of stopping at the
//! first, and refusing what nobody took.

use serde_json::{Map, Value};

use super::body::read_object;
use super::characters::{is_line, is_text, with_one_kind_of_break};
use super::invalid::{FieldError, InvalidBody};
use crate::money::{Amount, Currency};
use crate::time::Timestamp;

/// The fields of a request that have not been taken yet, and the faults found so far.
pub struct Fields {
    members: Map<String, Value>,
    prefix: String,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Reads the body as one JSON object.
    pub fn read(body: &[u8]) -> Result<Self, InvalidBody> {
        Ok(Self::of(read_object(body)?))
    }

    /// Takes the members of an object.
    pub(super) const fn of(members: Map<String, Value>) -> Self {
        Self { members, prefix: String::new(), errors: Vec::new() }
    }

    /// Ends the reading: refuses fields nobody took, then gives `value` if nothing was wrong.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, InvalidBody> {
        self.refuse_unknown();
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(InvalidBody::Fields(self.errors)),
        }
    }

    /// Notes a fault that only shows between fields.
    pub fn fault(&mut self, field: &str, reason: impl Into<String>) {
        self.errors.push(FieldError::new(format!("{}{field}", self.prefix), reason));
    }

    /// A field that must be there; its absence is a fault.
    pub fn required<T>(
        &mut self,
        name: &str,
        take: impl FnOnce(&mut Self, &str) -> Option<T>,
    ) -> Option<T> {
        if self.members.get(name).is_none_or(Value::is_null) {
            self.members.remove(name);
            self.fault(name, "is required");
            return None;
        }
        take(self, name)
    }

    /// An amount of at least 1 in minor units; a whole number, never a string or a fraction.
    pub fn amount(&mut self, name: &str) -> Option<Amount> {
        let amount = self.integer(name, 1, crate::limits::AMOUNT_MAX)?;
        Amount::new(amount)
    }

    /// A whole number from `least` to `most`.
    pub fn integer(&mut self, name: &str, least: u64, most: u64) -> Option<u64> {
        let value = self.take(name)?;
        let whole = value.as_u64().filter(|number| (least..=most).contains(number));
        if whole.is_none() {
            self.fault(name, format!("must be a whole number from {least} to {most}"));
        }
        whole
    }

    /// A text of 1 to `most` characters that others can be shown, in one line or more. Line breaks
    /// count, and are given, as one character, whatever they were sent as.
    pub fn text(&mut self, name: &str, most: usize) -> Option<String> {
        self.read_text(name, &shown("a text", most), |text| {
            let text = with_one_kind_of_break(text);
            is_text(&text, most).then_some(text)
        })
    }

    /// The same on one line, without tabs.
    pub(super) fn line(&mut self, name: &str, most: usize) -> Option<String> {
        self.read_text(name, &shown("one line", most), |text| {
            is_line(text, most).then(|| text.to_owned())
        })
    }

    /// A text that `read` makes something of; `reason` says what it must be.
    pub(super) fn read_text<T>(
        &mut self,
        name: &str,
        reason: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name)?;
        let value = value.as_str().and_then(read);
        if value.is_none() {
            self.fault(name, reason);
        }
        value
    }

    /// True or false.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        let value = self.take(name)?;
        if value.as_bool().is_none() {
            self.fault(name, "must be true or false");
        }
        value.as_bool()
    }

    /// The code of a currency there is today, or of `kept`, which was there once.
    pub(super) fn currency(&mut self, name: &str, kept: Option<Currency>) -> Option<Currency> {
        let reason = "must be a currency's code on today's list of ISO 4217, such as USD";
        self.read_text(name, reason, |code| {
            Currency::parse(code).or(kept.filter(|kept| kept.as_str() == code))
        })
    }

    /// A time in RFC 3339.
    pub fn timestamp(&mut self, name: &str) -> Option<Timestamp> {
        let value = self.take(name)?;
        let at = value.as_str().and_then(Timestamp::parse);
        if at.is_none() {
            self.fault(name, "must be an RFC 3339 time");
        }
        at
    }

    /// A list of at most `most` texts, each checked by `valid`.
    pub fn texts(
        &mut self,
        name: &str,
        most: usize,
        reason: &str,
        valid: impl Fn(&str) -> bool,
    ) -> Option<Vec<String>> {
        let Value::Array(items) = self.take(name)? else {
            self.fault(name, "must be a list");
            return None;
        };
        if items.len() > most {
            self.fault(name, format!("must have at most {most} items"));
            return None;
        }
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item.as_str().filter(|text| valid(text)) {
                Some(text) => texts.push(text.to_owned()),
                None => self.fault(&format!("{name}[{index}]"), reason),
            }
        }
        Some(texts)
    }

    /// A nested object, read by `read`.
    pub fn object<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name)?;
        self.nested(name, value, read)
    }

    /// A list of at most `most` objects, each read by `read`.
    pub fn objects<T>(
        &mut self,
        name: &str,
        most: usize,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(items) = self.take(name)? else {
            self.fault(name, "must be a list");
            return None;
        };
        if items.len() > most {
            self.fault(name, format!("must have at most {most} items"));
            return None;
        }
        let read_one = |(index, item)| self.nested(&format!("{name}[{index}]"), item, &mut read);
        items.into_iter().enumerate().map(read_one).collect()
    }

    fn nested<T>(
        &mut self,
        name: &str,
        value: Value,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let Value::Object(members) = value else {
            self.fault(name, "must be an object");
            return None;
        };
        let prefix = format!("{}{name}.", self.prefix);
        let mut inner = Self { members, prefix, errors: Vec::new() };
        let result = read(&mut inner);
        inner.refuse_unknown();
        self.errors.append(&mut inner.errors);
        result
    }

    /// Removes a field; a null counts as absent.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    fn refuse_unknown(&mut self) {
        let prefix = &self.prefix;
        self.errors.extend(
            self.members
                .keys()
                .map(|name| FieldError::new(format!("{prefix}{name}"), "is not a known field")),
        );
    }
}

/// What a text must be that others are shown.
fn shown(what: &str, most: usize) -> String {
    format!(
        "must be {what} of 1 to {most} characters, some of them visible, none a control character \
         and none that turns the direction of the text"
    )
}
