//! Amounts for people: in whole units of their currency, with the digits that it has.

use gavel_core::money::{Amount, Currency};

/// `USD 1,234.56`.
pub(super) fn shown(amount: Amount, currency: Currency) -> String {
    let unit = currency.one().minor();
    let (whole, rest) = (grouped(amount.minor() / unit), amount.minor() % unit);
    match usize::try_from(currency.decimals()).unwrap_or(0) {
        0 => format!("{currency} {whole}"),
        width => format!("{currency} {whole}.{rest:0width$}"),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_the_digits_of_its_currency() {
        for (minor, currency, expected) in [
            (0, "USD", "USD 0.00"),
            (5, "USD", "USD 0.05"),
            (123_456, "EUR", "EUR 1,234.56"),
            (123_456_789, "USD", "USD 1,234,567.89"),
            (15_000, "JPY", "JPY 15,000"),
            (15_000, "XPF", "XPF 15,000"),
            (1_500, "KWD", "KWD 1.500"),
            (123_456_789, "CLF", "CLF 12,345.6789"),
            (42, "UYW", "UYW 0.0042"),
            (123_456, "BGN", "BGN 1,234.56"),
        ] {
            let currency = Currency::recorded(currency).unwrap();
            assert_eq!(shown(Amount::new(minor).unwrap(), currency), expected);
        }
    }
}
