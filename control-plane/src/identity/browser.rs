//! Sign-ins of browsers. One holds a token that lasts as long as the sign-in, and is given short access tokens for it.

use secrecy::SecretString;
use tenancy::{Language, TenantId, UserId, token::Claims};

use super::{
    Caller, Identity, IdentityError, TokenKind,
    session::active,
    store,
    tokens::{self, Holder},
    user::{Place, User, usual_place},
};
use crate::audit::{self, Action, Entry, Origin};

/// What a browser is given at sign-in. It holds secrets, and is neither logged nor kept.
pub struct BrowserSession {
    /// Gets new access tokens.
    pub token: String,
    /// The language that the user has chosen.
    pub language: Option<Language>,
}

/// A new access token for a browser.
pub struct BrowserAccess {
    /// The access token.
    pub access_token: String,
    /// Where it leads; `None` for somebody who belongs to no tenant.
    pub place: Option<Place>,
}

impl Identity {
    /// Signs a browser in.
    ///
    /// # Errors
    /// As [`Identity::sign_in`].
    pub async fn sign_in_browser(
        &self,
        email: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<BrowserSession, IdentityError> {
        let let_in = self.let_in(email, password, None, TokenKind::Browser, origin).await?;
        let language = store::language(&self.db().await?, let_in.user.id).await?;
        Ok(BrowserSession { token: let_in.token.expose().to_owned(), language })
    }

    /// Signs a browser in to the console of those who run the platform.
    ///
    /// # Errors
    /// As [`Identity::sign_in`]; whoever does not run the platform has the wrong credentials.
    pub async fn sign_in_operator(
        &self,
        email: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<BrowserSession, IdentityError> {
        let let_in = self.let_in(email, password, None, TokenKind::Operator, origin).await?;
        let language = store::language(&self.db().await?, let_in.user.id).await?;
        Ok(BrowserSession { token: let_in.token.expose().to_owned(), language })
    }

    /// Signs the browser in from which somebody has just signed up.
    ///
    /// # Errors
    /// [`IdentityError`], when the platform database gives no answer.
    pub(crate) async fn open_browser(
        &self,
        user: UserId,
        tenant: TenantId,
        actor: &str,
        origin: &Origin,
    ) -> Result<BrowserSession, IdentityError> {
        let db = self.db().await?;
        let token = tokens::issue(&db, TokenKind::Browser, user, Some(tenant)).await?;
        let entry = Entry::new(Action::SignedIn, actor).user(user).tenant(Some(tenant));
        audit::record(&db, entry.from(origin)).await?;
        Ok(BrowserSession { token: token.expose().to_owned(), language: None })
    }

    /// An access token for a browser's sign-in: for the tenant that is named, else the one that it was in.
    ///
    /// # Errors
    /// [`IdentityError::SessionOver`], and [`IdentityError::NoPlace`] where the user is no member of that tenant.
    pub async fn browser_access(
        &self,
        presented: &str,
        slug: Option<&str>,
        origin: &Origin,
    ) -> Result<BrowserAccess, IdentityError> {
        let db = self.db().await?;
        let holder = tokens::peek(&db, TokenKind::Browser, presented).await?.ok_or(IdentityError::SessionOver)?;
        let user = active(store::by_id(&db, holder.user).await?)?;
        let places = store::places(&db, user.id).await?;
        let place = match slug {
            Some(slug) => Some(places.iter().find(|place| place.slug.as_str() == slug).ok_or(IdentityError::NoPlace)?),
            None => usual_place(&places, holder.tenant.or(user.last_tenant)),
        }
        .cloned();
        if let Some(place) = &place
            && holder.tenant != Some(place.id)
        {
            tokens::lead_to(&db, presented, place.id).await?;
            store::went_to(&db, user.id, place.id).await?;
            let entry = Entry::new(Action::TenantSwitched, user.email.as_str()).user(user.id).tenant(Some(place.id));
            audit::record(&db, entry.from(origin)).await?;
        }
        let access_token = self.sign(&user, place.as_ref())?;
        Ok(BrowserAccess { access_token, place })
    }

    /// Ends a browser's sign-in; one that is not known has ended already.
    ///
    /// # Errors
    /// [`IdentityError`], when the platform database gives no answer.
    pub async fn leave_browser(&self, presented: &str, origin: &Origin) -> Result<(), IdentityError> {
        let db = self.db().await?;
        for kind in [TokenKind::Browser, TokenKind::Operator] {
            let Some(Holder { user, tenant, .. }) = tokens::peek(&db, kind, presented).await? else { continue };
            tokens::end(&db, presented).await?;
            let Some(user) = store::by_id(&db, user).await? else { continue };
            let entry = Entry::new(Action::SignedOut, user.email.as_str()).user(user.id).tenant(tenant);
            audit::record(&db, entry.from(origin)).await?;
        }
        Ok(())
    }

    /// Who runs the platform from this browser.
    ///
    /// # Errors
    /// [`IdentityError::SessionOver`], [`IdentityError::Forbidden`].
    pub(super) async fn operator(&self, presented: &str) -> Result<Caller, IdentityError> {
        let db = self.db().await?;
        let holder = tokens::peek(&db, TokenKind::Operator, presented).await?.ok_or(IdentityError::NoToken)?;
        let user = active(store::by_id(&db, holder.user).await?)?;
        if user.super_admin { Ok(Caller::new(claims_of(user))) } else { Err(IdentityError::Forbidden) }
    }
}

/// What a token would say of somebody; none is made of it.
fn claims_of(user: User) -> Claims {
    Claims {
        user_id: user.id,
        email: user.email,
        name: user.name,
        super_admin: user.super_admin,
        tenant: None,
        exp: 0,
        iat: 0,
        nbf: 0,
        jti: String::new(),
        iss: String::new(),
    }
}
