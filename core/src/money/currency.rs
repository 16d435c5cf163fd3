//! Currencies: which ones there are today, and how many decimals each has. Both from the list of
//! ISO 4217 in `iso_currency`, and from nowhere else.
//!
//! What comes from outside is held against today's list; what was written down stays readable when a
//! currency is withdrawn, because a lot does not lose its history over that.

use serde::{Deserialize, Serialize};

use super::Amount;

/// Codes that the library calls superseded although ISO 4217 lists them: Venezuela uses both its
/// codes, and `VES` is the one that its banks write. A test says when the library knows.
const STILL_LISTED: [&str; 1] = ["VES"];

/// Decimals of a code that is on no list: what most currencies have.
const DECIMALS_UNLISTED: u32 = 2;

/// An ISO 4217 alphabetic code: three capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// US dollar, the default of a new auction.
    pub const USD: Self = Self(*b"USD");

    /// Reads the code of a currency in which a lot can be sold today, such as `USD`: one on the current
    /// list of ISO 4217 that has a minor unit. Withdrawn ones, metals, units of account and the codes
    /// for tests and for no currency are none. For what somebody asks for.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::recorded(text).filter(|code| code.listed().is_some_and(in_use))
    }

    /// Reads a code that was accepted once: any three capital letters, as the list changes and what is
    /// stored does not. For records, and for what must equal one.
    #[must_use]
    pub fn recorded(text: &str) -> Option<Self> {
        let code: [u8; 3] = text.as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_uppercase).then_some(Self(code))
    }

    /// All that [`parse`](Self::parse) takes, in order of their codes.
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn all() -> Vec<Self> {
        use iso_currency::IntoEnumIterator as _;
        let mut codes: Vec<&str> = iso_currency::Currency::iter()
            .filter(|listed| in_use(*listed))
            .map(|listed| listed.code())
            .collect();
        codes.sort_unstable();
        codes.into_iter().filter_map(Self::parse).collect()
    }

    /// How many decimals its minor unit stands for: 2 for USD, 0 for JPY, 3 for KWD, 4 for CLF.
    #[must_use]
    pub fn decimals(self) -> u32 {
        self.listed().and_then(|listed| listed.exponent()).map_or(DECIMALS_UNLISTED, u32::from)
    }

    /// One major unit: 100 cents for USD, 1 for JPY.
    #[must_use]
    pub fn one(self) -> Amount {
        Amount::new(10_u64.pow(self.decimals())).expect("no currency has more than four decimals")
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only ASCII capitals are ever stored")
    }

    fn listed(&self) -> Option<iso_currency::Currency> {
        iso_currency::Currency::from_code(self.as_str())
    }
}

/// Whether people pay with it, today.
fn in_use(listed: iso_currency::Currency) -> bool {
    let withdrawn = listed.is_superseded().is_some() && !STILL_LISTED.contains(&listed.code());
    listed.exponent().is_some() && !listed.is_special() && !withdrawn
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

/// As [`Currency::recorded`]: what is deserialized was written by us.
impl TryFrom<String> for Currency {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::recorded(&text).ok_or("not a three-letter currency code")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes of today's list whose number of decimals is not 2, or that came or changed lately.
    const TODAY: &[(u32, &str)] = &[
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (2, "USD EUR GBP CHF CNY INR HUF TWD IDR COU MXV USN BOV CHE CHW"),
        // Newer than what many lists have.
        (2, "XCG ZWG SLE VED VES MRU STN BYN"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    ];

    #[test]
    fn a_currency_that_does_not_exist_or_cannot_be_paid_with_is_none() {
        for (kind, codes) in [
            ("mistyped", "UDS EURO eur usd E1R ÄB US USDX ABC"),
            ("for tests and for none", "XTS XXX"),
            ("metals", "XAU XAG XPT XPD"),
            ("units of account", "XDR XSU XUA XAD XBA XBB XBC XBD"),
            ("gone for the euro", "DEM FRF ITL ESP SKK EEK LVL LTL HRK BGN"),
            ("gone otherwise", "ANG ZWL SLL CUC STD MRO BYR VEF ROL ZMK TRL GHC"),
        ] {
            for code in codes.split(' ') {
                assert_eq!(Currency::parse(code), None, "{kind}: {code}");
            }
        }
        assert_eq!(Currency::parse(""), None);
    }

    #[test]
    fn every_currency_of_today_is_known_with_its_decimals() {
        for (decimals, codes) in TODAY {
            for code in codes.split(' ') {
                let currency = Currency::parse(code).unwrap_or_else(|| panic!("{code} is none"));
                assert_eq!(currency.decimals(), *decimals, "{code}");
                assert_eq!(currency.one().minor(), 10_u64.pow(*decimals), "{code}");
            }
        }
    }

    #[test]
    fn a_currency_that_was_withdrawn_stays_readable_where_it_is_written_down() {
        for code in ["BGN", "HRK", "ANG", "DEM", "XXX", "UDS"] {
            let currency = Currency::recorded(code).unwrap();
            let json = serde_json::to_string(&currency).unwrap();
            assert_eq!(serde_json::from_str::<Currency>(&json).unwrap(), currency, "{code}");
            assert_eq!(currency.decimals(), 2, "{code}");
        }
        for wrong in ["", "eur", "EURO", "E1R", "ÄB"] {
            assert_eq!(Currency::recorded(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn each_exception_from_the_library_is_still_needed() {
        for code in STILL_LISTED {
            let listed = iso_currency::Currency::from_code(code).unwrap();
            assert!(listed.is_superseded().is_some(), "the library knows {code} now");
        }
    }
}
