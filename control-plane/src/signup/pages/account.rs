//! The third step: who will own the workspace.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};
use tenancy::Problem;
use ui::{Field, Form, Kind, Page};

use super::{FieldsTemplate, Wrong, goes_back, missing_before, steps, wrong_in};
use crate::signup::{Signup, draft::Draft};

pub(super) fn page_of(page: &Page, draft: &Draft, wrong: &Wrong) -> FieldsTemplate {
    let name = Field::new("owner_name", page.t("signup-owner-name"), Kind::Text)
        .value(&draft.name)
        .errors(&page.speech, wrong.get("owner_name"))
        .required()
        .wide()
        .autocomplete("name");
    let email = Field::new("owner_email", page.t("field-email"), Kind::Email)
        .value(&draft.email)
        .errors(&page.speech, wrong.get("owner_email"))
        .required()
        .wide()
        .autocomplete("email");
    let hint = if draft.password.is_empty() { "password-hint" } else { "password-kept" };
    let mut password = Field::new("password", page.t("password"), Kind::Password)
        .errors(&page.speech, wrong.get("password"))
        .wide()
        .hint(page.t(hint))
        .autocomplete("new-password")
        .with("data-strength", "")
        .with("data-strength-meter", "strength-meter")
        .with("data-strength-text", "strength-text");
    if draft.password.is_empty() {
        password = password.required();
    }
    FieldsTemplate {
        steps: steps(page, 2),
        action: "/signup/account",
        has_back: true,
        title: page.t("signup-account-title").to_owned(),
        lead: page.t("signup-account-lead").to_owned(),
        wrong: wrong.len(),
        fields: vec![name, email, password],
        slug_url: None,
        strength: true,
        page: page.clone(),
    }
}

pub(super) async fn show(page: Page, http: HttpRequest, signup: Data<Signup>) -> Result<HttpResponse, Problem> {
    let draft = Draft::of(&http, &page);
    match missing_before(&signup, &draft, 2).await? {
        Some(step) => Ok(page.see_other(step)),
        None => Ok(page.ok(&page_of(&page, &draft, &Wrong::new()))),
    }
}

pub(super) async fn take(
    page: Page,
    http: HttpRequest,
    signup: Data<Signup>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let mut draft = Draft::of(&http, &page);
    draft.name = form.get("owner_name").unwrap_or_default().trim().to_owned();
    draft.email = form.get("owner_email").unwrap_or_default().trim().to_owned();
    // Left empty after going back: the one that was given before.
    if let Some(password) = form.get("password").filter(|password| !password.is_empty()) {
        draft.password = password.to_owned();
    }
    let wrong = wrong_in(&signup, &draft, 2).await?;
    if goes_back(&form) {
        (draft.name, draft.email) = (Draft::typed(&form, "owner_name"), Draft::typed(&form, "owner_email"));
        // One that could not be chosen would not be asked for again.
        if wrong.contains_key("password") {
            draft.password.clear();
        }
        return Ok(page.see_other_with("/signup/package", [draft.cookie(&page)?]));
    }
    if !wrong.is_empty() {
        let mut kept = Draft::of(&http, &page);
        if wrong.contains_key("password") {
            draft.password.clear();
        } else {
            // It is not asked for again; the rest stands in the fields.
            kept.password.clone_from(&draft.password);
        }
        let mut response = page.answer(StatusCode::UNPROCESSABLE_ENTITY, &page_of(&page, &draft, &wrong));
        response.add_cookie(&kept.cookie(&page)?).map_err(Problem::internal)?;
        return Ok(response);
    }
    Ok(page.see_other_with("/signup/payment", [draft.cookie(&page)?]))
}
