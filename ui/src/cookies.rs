//! Cookies: none can be read by a script, none goes to other sites with a form, and outside of development none goes
//! over plain HTTP.

use actix_web::cookie::{Cookie, SameSite, time::Duration};
use tenancy::Language;

use crate::Site;

/// The cookie with the language that somebody chose.
pub const LANGUAGE: &str = "tenantry_language";
/// The cookie with the access token of whoever is signed in; both planes read it.
pub const ACCESS: &str = "tenantry_access";
/// The cookie that tells one browser from another; forms are bound to it.
pub(crate) const VISITOR: &str = "tenantry_visitor";

/// Makes cookies.
pub struct Cookies<'a>(pub &'a Site);

impl Cookies<'_> {
    /// A cookie for everything below a path that is kept for so many seconds.
    #[must_use]
    pub fn keep(&self, name: &'static str, value: String, path: &'static str, seconds: i64) -> Cookie<'static> {
        Cookie::build(name, value)
            .path(path)
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.0.is_secure())
            .max_age(Duration::seconds(seconds))
            .finish()
    }

    /// [`Cookies::keep`], and sent by pages of this site alone: whoever follows a link from elsewhere comes without it.
    #[must_use]
    pub fn keep_strictly(
        &self,
        name: &'static str,
        value: String,
        path: &'static str,
        seconds: i64,
    ) -> Cookie<'static> {
        let mut cookie = self.keep(name, value, path, seconds);
        cookie.set_same_site(SameSite::Strict);
        cookie
    }

    /// The cookie that takes another away.
    #[must_use]
    pub fn forget(&self, name: &'static str, path: &'static str) -> Cookie<'static> {
        self.keep(name, String::new(), path, 0)
    }

    /// The language that somebody chose, for a year.
    #[must_use]
    pub fn language(&self, language: Language) -> Cookie<'static> {
        self.keep(LANGUAGE, language.as_str().to_owned(), "/", 365 * 24 * 3600)
    }
}

/// A path on this site, with its query: where somebody goes on after something else. What leads elsewhere is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalPath(String);

impl LocalPath {
    /// The path, or `usual` where it is none of ours.
    #[must_use]
    pub fn parse(text: Option<&str>, usual: &str) -> Self {
        let fits = |text: &&str| {
            text.starts_with('/')
                && !text.starts_with("//")
                && text.len() <= 2000
                // Browsers take a backslash for a slash, and leave line ends out.
                && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        };
        Self(text.filter(fits).unwrap_or(usual).to_owned())
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text as part of a query string (RFC 3986, 2.1).
#[must_use]
pub fn encoded(text: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_site() {
        let next = |text: &str| LocalPath::parse(Some(text), "/app").0;
        for fine in ["/app", "/app/customers?page=2&search=%C3%A7", "/"] {
            assert_eq!(next(fine), fine);
        }
        for wrong in
            ["", "app", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nSet-Cookie: a", "/ç"]
        {
            assert_eq!(next(wrong), "/app", "{wrong}");
        }
        assert_eq!(LocalPath::parse(None, "/app").as_str(), "/app");
    }

    #[test]
    fn what_goes_into_a_query_is_encoded() {
        assert_eq!(encoded("/app/customers?page=2&a=ç"), "/app/customers%3Fpage%3D2%26a%3D%C3%A7");
    }
}
