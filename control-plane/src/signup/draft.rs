//! What somebody has filled in so far. Their browser keeps it, sealed: the platform keeps nothing of strangers, and
//! going back loses nothing.

use actix_web::{HttpRequest, cookie::Cookie};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tenancy::{Problem, TenantId};
use ui::{Form, Page};
use uuid::Uuid;

use super::SignupBody;

const COOKIE: &str = "tenantry_signup";
const PATH: &str = "/signup";
/// How long a browser keeps it, in seconds.
const KEPT: i64 = 3600;
/// The longest text that is kept of a field, in bytes: a browser keeps 4 KB of it all.
const LONGEST: usize = 800;

/// A signup that is being filled in. It holds a password, and is never logged.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Draft {
    /// Makes a button that is pressed twice one signup.
    pub(super) key: String,
    pub(super) company: String,
    pub(super) slug: String,
    pub(super) package: String,
    pub(super) cycle: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) password: String,
}

/// A signup that was made, while its workspace is.
#[derive(Serialize, Deserialize)]
pub(super) struct Made {
    pub(super) tenant: TenantId,
    /// The next one, should nothing come of this.
    pub(super) again: Draft,
}

impl Default for Draft {
    fn default() -> Self {
        let text = String::new;
        Self {
            key: Uuid::now_v7().simple().to_string(),
            company: text(),
            slug: text(),
            package: text(),
            cycle: "monthly".to_owned(),
            name: text(),
            email: text(),
            password: text(),
        }
    }
}

impl Draft {
    /// What a browser has kept; an empty one where there is none, or it is over.
    pub(super) fn of(request: &HttpRequest, page: &Page) -> Self {
        let draft = kept(request, page, "signup-draft");
        draft.or_else(|| Made::of(request, page).map(|made| made.again)).unwrap_or_default()
    }

    pub(super) fn cookie(&self, page: &Page) -> Result<Cookie<'static>, Problem> {
        keep(self, page, "signup-draft")
    }

    /// What was typed in a field so far, right or wrong; more than any of them takes is not kept.
    pub(super) fn typed(form: &Form, name: &str) -> String {
        let text = form.get(name).unwrap_or_default().trim();
        if text.len() <= LONGEST { text.to_owned() } else { String::new() }
    }

    /// The same as another signup: the one before was refused, or came to nothing.
    pub(super) fn anew(self) -> Self {
        Self { key: Self::default().key, ..self }
    }

    /// The signup, as far as it is filled in.
    pub(super) fn body(&self) -> SignupBody {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        SignupBody {
            company_name: given(&self.company),
            owner_email: given(&self.email),
            owner_name: given(&self.name),
            password: given(&self.password),
            package_key: given(&self.package),
            billing_cycle: given(&self.cycle),
            slug: given(&self.slug),
        }
    }
}

impl Made {
    pub(super) fn of(request: &HttpRequest, page: &Page) -> Option<Self> {
        kept(request, page, "signup-made")
    }

    pub(super) fn cookie(&self, page: &Page) -> Result<Cookie<'static>, Problem> {
        keep(self, page, "signup-made")
    }
}

/// The cookie that takes all of it away.
pub(super) fn forgotten(page: &Page) -> Cookie<'static> {
    page.cookies().forget(COOKIE, PATH)
}

/// What is sealed, and when that was (seconds since 1970): a cookie that was copied is over as well.
#[derive(Serialize, Deserialize)]
struct Sealed<T> {
    at: i64,
    what: T,
}

fn kept<T: DeserializeOwned>(request: &HttpRequest, page: &Page, purpose: &str) -> Option<T> {
    let sealed: Sealed<T> =
        serde_json::from_slice(&page.site().open(purpose, request.cookie(COOKIE)?.value())?).ok()?;
    (Timestamp::now().as_second() - sealed.at <= KEPT).then_some(sealed.what)
}

fn keep<T: Serialize>(what: &T, page: &Page, purpose: &str) -> Result<Cookie<'static>, Problem> {
    let sealed = Sealed { at: Timestamp::now().as_second(), what };
    let text = serde_json::to_vec(&sealed).map_err(Problem::internal)?;
    let sealed = page.site().seal(purpose, &text).ok_or_else(|| Problem::internal("no randomness"))?;
    Ok(page.cookies().keep(COOKIE, sealed, PATH, KEPT))
}
