//! The languages in which the platform speaks to people.

use crate::text_enum;

text_enum! {
    /// A language of mails and pages.
    pub enum Language {
        /// Turkish.
        Turkish = "tr",
        /// English.
        English = "en",
    }
}

impl Language {
    /// The first language of an `Accept-Language` header (RFC 9110, 12.5.4) that the platform speaks; the order of the
    /// list is taken for the order of preference, as all browsers send it.
    #[must_use]
    pub fn of_header(header: Option<&str>) -> Option<Self> {
        header?.split(',').find_map(|range| {
            let tag = range.split(';').next()?.trim();
            tag.split('-').next()?.to_ascii_lowercase().parse().ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_says_its_language() {
        assert_eq!(Language::of_header(Some("de-DE,en-GB;q=0.8,tr;q=0.5")), Some(Language::English));
        assert_eq!(Language::of_header(Some("tr-TR")), Some(Language::Turkish));
        assert_eq!(Language::of_header(Some("*")), None);
    }
}
