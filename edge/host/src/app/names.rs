//! Spin's rules for names, as its loader has them. They know nothing of what a name stands for.
//!
//! Where versions of Spin differ, the strictest counts: what passes here loads everywhere. Spin's main
//! branch has at times let later words begin with a digit; 4.0 and 4.1 refuse that.

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is nothing between two separators, or nothing at all.
    #[error("must have a word on each side of {0:?}")]
    EmptyWord(char),
    /// A word begins with a digit or a sign.
    #[error("must have a letter at the beginning of each word between {0:?}")]
    FirstLetter(char),
    /// There is something else than letters and digits in a word.
    #[error("must be ASCII letters and digits, in words separated by {0:?}")]
    Letters(char),
    /// A word is partly in capitals.
    #[error("must not mix capitals and small letters in one word")]
    MixedCase,
    /// There are capitals where none may be.
    #[error("must be in lower case")]
    Capitals,
}

/// A component's id, such as `shop-front`.
///
/// # Errors
/// [`NameError`]: what Spin would refuse.
pub fn check_component_id(text: &str) -> Result<(), NameError> {
    check(text, '-')
}

/// A variable's name, such as `edge_key`.
///
/// # Errors
/// [`NameError`]: what Spin would refuse.
pub fn check_variable(text: &str) -> Result<(), NameError> {
    check(text, '_')?;
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(NameError::Capitals);
    }
    Ok(())
}

/// The label of a store: words separated by `-` throughout, or by `_` throughout.
///
/// # Errors
/// [`NameError`]: what Spin would refuse.
pub fn check_label(text: &str) -> Result<(), NameError> {
    check(text, '-').or_else(|_| check(text, '_'))
}

/// Whether a component may ask for the variable `name`; not every such name can be declared.
pub fn is_key(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(plain)
        && !name.ends_with('_')
        && !name.contains("__")
}

/// Words of letters and digits, each beginning with a letter and in one case.
fn check(text: &str, separator: char) -> Result<(), NameError> {
    for word in text.split(separator) {
        let Some(first) = word.chars().next() else {
            return Err(NameError::EmptyWord(separator));
        };
        if !word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(NameError::Letters(separator));
        }
        if !first.is_ascii_alphabetic() {
            return Err(NameError::FirstLetter(separator));
        }
        let other_case = |byte: u8| {
            byte.is_ascii_alphabetic() && byte.is_ascii_uppercase() != first.is_ascii_uppercase()
        };
        if word.bytes().any(other_case) {
            return Err(NameError::MixedCase);
        }
    }
    Ok(())
}
