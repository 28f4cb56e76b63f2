//! `/admin/tenants/new`: makes a tenant, whose owner is invited by mail.

use std::{collections::BTreeMap, time::Duration};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use sha2::{Digest, Sha256};
use tenancy::{EmailAddress, Language, Problem, TenantSlug, fields::FieldErrors};
use ui::{Choice, Console, Field, Form, Kind, Page};
use uuid::Uuid;

use super::console;
use crate::{
    audit::Origin,
    identity::Caller,
    packages::{BillingCycle, Package, Packages, name_in},
    tenants::{CreateError, NewOwner, NewTenant, SignupKey, SlugChoice, Tenants},
};

/// How long what takes a saga is driven by this process before the control plane's rounds go on with it.
const DRIVEN: Duration = Duration::from_secs(60);

type Wrong = BTreeMap<String, Vec<String>>;

#[derive(Template)]
#[template(path = "console/new-tenant.html")]
struct NewTemplate {
    page: Page,
    console: Console,
    /// Makes a form that is sent twice one tenant.
    once: String,
    wrong: usize,
    fields: Vec<Field>,
}

/// What a tenant is made of.
const FIELDS: [&str; 7] = ["name", "slug", "owner_name", "owner_email", "package", "billing_cycle", "language"];

/// The same form with the same in it is the same tenant. Whoever goes back and fills in something else wants another.
fn key(form: &Form, actor: &str) -> Option<SignupKey> {
    let filled = FIELDS.map(|name| form.get(name).unwrap_or_default());
    let sent = serde_json::to_vec(&(actor, form.filled("once")?, filled)).ok()?;
    let hash = Sha256::digest(sent).into();
    Some(SignupKey { key: hash, request: hash })
}

fn form_page(page: &Page, caller: &Caller, packages: &[Package], form: &Form, wrong: &Wrong) -> NewTemplate {
    let given = |name: &str, usual: &str| form.get(name).unwrap_or(usual).to_owned();
    let field = |name: &str, label: &str, kind: Kind| {
        Field::new(name, page.t(label), kind).value(given(name, "")).errors(&page.speech, wrong.get(name))
    };
    let choice = |name: &str, usual: &str, value: &str, label: &str| Choice {
        is_chosen: given(name, usual) == value,
        value: value.to_owned(),
        label: label.to_owned(),
    };
    let sold = packages.iter().filter(|package| package.is_active);
    let sold = sold.map(|package| choice("package", "starter", &package.key, name_in(package, page.language)));
    let cycles = [("monthly", page.t("monthly")), ("yearly", page.t("yearly"))];
    let cycles = cycles.map(|(value, label)| choice("billing_cycle", "monthly", value, label));
    let languages = [("tr", "Türkçe"), ("en", "English")];
    let languages = languages.map(|(value, label)| choice("language", "tr", value, label));
    let fields = vec![
        field("name", "admin-company-name", Kind::Text).required().autocomplete("off"),
        field("slug", "admin-slug", Kind::Text)
            .hint(page.t("signup-slug-hint"))
            .autocomplete("off")
            .with("spellcheck", "false")
            .with("autocapitalize", "none"),
        field("owner_name", "admin-owner-name", Kind::Text).required().autocomplete("off"),
        field("owner_email", "admin-owner-email", Kind::Email).required().autocomplete("off"),
        field("package", "package", Kind::Select).choices(sold.collect()),
        field("billing_cycle", "billing-cycle", Kind::Select).choices(cycles.into()),
        field("language", "admin-language", Kind::Select).choices(languages.into()),
    ];
    let once = form.filled("once").map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
    NewTemplate { console: console(page, caller), once, wrong: wrong.len(), fields, page: page.clone() }
}

pub(super) async fn show(page: Page, caller: Caller, packages: Data<Packages>) -> Result<HttpResponse, Problem> {
    let packages = packages.all().await?;
    Ok(page.ok(&form_page(&page, &caller, &packages, &Form::default(), &Wrong::new())))
}

pub(super) async fn make(
    page: Page,
    http: HttpRequest,
    caller: Caller,
    tenants: Data<Tenants>,
    packages: Data<Packages>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let packages = packages.all().await?;
    let again = |status: StatusCode, wrong: &Wrong| {
        Ok(page.answer(status, &form_page(&page, &caller, &packages, &form, wrong)))
    };
    let wanted = match wanted(&form, &packages, caller.actor(), Origin::of(&http)) {
        Ok(wanted) => wanted,
        Err(problem) => return again(StatusCode::UNPROCESSABLE_ENTITY, problem.errors()),
    };
    let key = wanted.signup_key;
    let created = tenants.create(wanted).await;
    if let (Err(_), Some(key)) = (&created, key)
        && let Some(made) = tenants.made_with(&key).await?
    {
        return Ok(page.see_other(&format!("/admin/tenants/{}?done=created", made.id)));
    }
    let (field, text) = match created {
        Ok(born) => {
            let slug = born.tenant.slug.to_string();
            if !born.finished {
                // Its page shows how far it is.
                tokio::spawn(async move {
                    if let Err(error) = tenants.wait_until_made(born.tenant, DRIVEN).await {
                        tracing::warn!(%error, "a tenant is made by the next round");
                    }
                });
            }
            return Ok(page.see_other(&format!("/admin/tenants/{slug}?done=created")));
        }
        Err(CreateError::DuplicateSlug(_)) => ("slug", "is taken"),
        Err(CreateError::EmailTaken(_)) => ("owner_email", page.t("admin-email-taken")),
        Err(CreateError::UnknownPackage(_)) => ("package", "there is no such package"),
        Err(error) => return Err(error.into()),
    };
    again(StatusCode::CONFLICT, &Wrong::from([(field.to_owned(), vec![text.to_owned()])]))
}

/// What is wanted, or everything that is wrong.
fn wanted(form: &Form, packages: &[Package], actor: &str, origin: Origin) -> Result<NewTenant, Problem> {
    let (given, mut errors) = (|name: &str| form.get(name).unwrap_or_default(), FieldErrors::default());
    let name = errors.text("name", given("name"), 1, 200);
    let slug = match form.filled("slug") {
        Some(slug) => errors.take("slug", TenantSlug::parse(slug)).map(SlugChoice::Exact),
        None => Some(SlugChoice::FromName),
    };
    let owner_name = errors.text("owner_name", given("owner_name"), 1, 200);
    let email = match form.filled("owner_email") {
        Some(email) => errors.take("owner_email", EmailAddress::parse(email)),
        None => errors.take("owner_email", Err("is required")),
    };
    let package = packages.iter().find(|package| package.is_active && package.key == given("package"));
    let package = errors.take("package", package.ok_or("there is no such package"));
    let cycle = errors.take("billing_cycle", given("billing_cycle").parse::<BillingCycle>());
    let is_monthly = package.is_some_and(|package| package.price_yearly.is_none());
    if cycle == Some(BillingCycle::Yearly) && is_monthly {
        errors.add("billing_cycle", "this package is paid monthly");
    }
    let language = errors.take("language", given("language").parse::<Language>());
    let problem = errors.problem();
    let complete = (name, slug, owner_name, email, package, cycle, language);
    match complete {
        (Some(name), Some(slug), Some(owner), Some(email), Some(package), Some(billing_cycle), Some(language))
            if problem.errors().is_empty() =>
        {
            Ok(NewTenant {
                slug,
                name,
                // Whoever is invited proves the address by accepting.
                owner: NewOwner { email, name: owner, verified: false, password_hash: None, language },
                package: package.key.clone(),
                billing_cycle,
                signup_key: key(form, actor),
                actor: actor.to_owned(),
                origin,
            })
        }
        _ => Err(problem),
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use serde_json::json;

    use super::*;

    fn wanted_of(fields: &[(&str, &str)]) -> Result<NewTenant, Vec<String>> {
        let package = Package {
            key: "starter".to_owned(),
            name: String::new(),
            name_tr: String::new(),
            description: String::new(),
            description_tr: String::new(),
            price_monthly: Some(Decimal::ONE),
            price_yearly: None,
            currency: "TRY".to_owned(),
            modules: Vec::new(),
            limits: json!({}),
            features: json!({}),
            is_active: true,
            is_visible: false,
            is_recommended: false,
        };
        let form = Form::of(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
        wanted(&form, &[package], "root@example.com", Origin::default())
            .map_err(|problem| problem.errors().keys().cloned().collect())
    }

    const WHOLE: [(&str, &str); 7] = [
        ("name", " Işık A.Ş. "),
        ("slug", ""),
        ("owner_name", "Ayşe"),
        ("owner_email", "A@Example.com"),
        ("package", "starter"),
        ("billing_cycle", "monthly"),
        ("language", "tr"),
    ];

    #[test]
    fn an_invited_owner_has_proven_nothing_yet() {
        let wanted = wanted_of(&WHOLE).unwrap();
        assert!(matches!(wanted.slug, SlugChoice::FromName) && wanted.name == "Işık A.Ş.");
        assert!(wanted.owner.password_hash.is_none() && !wanted.owner.verified);
    }

    #[test]
    fn the_same_form_is_the_same_tenant() {
        let key = |once: &str, name: &str| {
            let fields = [("once", once), ("name", name)];
            let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
            key(&Form::of(fields.into()), "root@example.com").map(|key| key.key)
        };
        assert_eq!(key("1", "Acme"), key("1", "Acme"));
        assert!(key("1", "Acme") != key("2", "Acme") && key("1", "Acme") != key("1", "Acme 2"));
        assert_eq!(key("", "Acme"), None);
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let wrong = wanted_of(&[("slug", "A b"), ("package", "none")]).unwrap_err();
        assert_eq!(wrong, ["billing_cycle", "language", "name", "owner_email", "owner_name", "package", "slug"]);
        let mut yearly = WHOLE;
        yearly[5].1 = "yearly";
        assert_eq!(wanted_of(&yearly).unwrap_err(), ["billing_cycle"]);
    }
}
