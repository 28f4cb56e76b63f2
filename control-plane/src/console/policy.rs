//! The form that says how a run goes about it.

use std::collections::BTreeMap;

use tenancy::{Problem, TenantSlug, fields::FieldErrors};
use ui::{Choice, Field, Form, Kind, Page};

use super::words::{count, dash};
use crate::fleet::{Order, Policy, Wanted};

/// What is wrong with the form, by field.
pub(super) type Wrong = BTreeMap<String, Vec<String>>;

/// The fields as they were filled in, or as they usually are.
pub(super) fn fields(page: &Page, form: Option<&Form>, wrong: &Wrong) -> Vec<Field> {
    let usual = Policy::default();
    let given = |name: &str, usual: String| form.map_or(usual, |form| form.get(name).unwrap_or_default().to_owned());
    let field = |name: &str, kind: Kind, usual: String| {
        Field::new(name, page.t(&format!("admin-policy-{name}")), kind)
            .value(given(name, usual))
            .errors(&page.speech, wrong.get(name))
    };
    let order = given("order", usual.order.to_string());
    let order = Order::ALL.iter().map(|one| Choice {
        value: one.to_string(),
        label: page.t(&format!("admin-order-{one}")).to_owned(),
        is_chosen: one.as_str() == order,
    });
    let at_most = usual.max_failures.unwrap_or_default().to_string();
    vec![
        field("concurrency", Kind::Number, usual.concurrency.to_string()).hint(page.t("admin-policy-concurrency-hint")),
        field("canaries", Kind::Number, usual.canaries.to_string()).hint(page.t("admin-policy-canaries-hint")),
        field("max_failures", Kind::Number, at_most).hint(page.t("admin-policy-max_failures-hint")),
        field("order", Kind::Select, String::new()).choices(order.collect()),
        slugs(field("only", Kind::Text, String::new())).hint(page.t("admin-policy-only-hint")),
        slugs(field("exclude", Kind::Text, String::new())).hint(page.t("admin-policy-exclude-hint")),
        field("polite", Kind::Check, String::new()).hint(page.t("admin-policy-polite-hint")).wide(),
    ]
}

fn slugs(field: Field) -> Field {
    field.autocomplete("off").with("spellcheck", "false").with("autocapitalize", "none")
}

/// The policy that was filled in.
///
/// # Errors
/// `VALIDATION_FAILED` with every field that is wrong.
pub(super) fn policy(form: &Form) -> Result<Policy, Problem> {
    let mut errors = FieldErrors::default();
    let mut number = |name: &str, least: u32, most: u32| {
        let text = form.filled(name)?;
        let number = text.parse::<u32>().ok().filter(|number| (least..=most).contains(number));
        errors.take(name, number.ok_or_else(|| format!("must be from {least} to {most}")))
    };
    let (concurrency, canaries) = (number("concurrency", 1, 64), number("canaries", 0, 10_000));
    let max_failures = number("max_failures", 0, 1_000_000);
    let listed = |name: &str| {
        let text = form.get(name).unwrap_or_default();
        text.split([' ', ',', ';', '\t', '\n', '\r']).filter(|slug| !slug.is_empty()).map(str::to_owned).collect()
    };
    let wanted = Wanted {
        concurrency: concurrency.and_then(|number| u16::try_from(number).ok()),
        canaries: canaries.and_then(|number| u16::try_from(number).ok()),
        max_failures,
        polite: form.filled("polite").is_some(),
        only: listed("only"),
        exclude: listed("exclude"),
        order: form.filled("order").map(str::to_owned),
    };
    let policy = wanted.policy();
    let own = errors.problem();
    if own.errors().is_empty() {
        return policy;
    }
    let mut wrong = own.errors().clone();
    wrong.extend(policy.err().map(|problem| problem.errors().clone()).unwrap_or_default());
    Err(Problem::validation(wrong))
}

/// How a run goes about it, in words.
pub(super) fn told(page: &Page, policy: &Policy) -> Vec<(String, String)> {
    let slugs = |slugs: &[TenantSlug]| {
        let listed: Vec<&str> = slugs.iter().map(TenantSlug::as_str).collect();
        dash(page, (!listed.is_empty()).then(|| listed.join(", ")))
    };
    let yes_or_no = page.t(if policy.polite { "yes" } else { "no" }).to_owned();
    let facts = [
        ("concurrency", count(page, if policy.polite { 1 } else { policy.concurrency })),
        ("canaries", count(page, policy.canaries)),
        ("max_failures", dash(page, policy.max_failures.map(|most| count(page, most)))),
        ("order", page.t(&format!("admin-order-{}", policy.order)).to_owned()),
        ("only", slugs(&policy.only)),
        ("exclude", slugs(&policy.exclude)),
        ("polite", yes_or_no),
    ];
    facts.map(|(name, value)| (page.t(&format!("admin-policy-{name}")).to_owned(), value)).into()
}

/// Slugs that nobody has, said at the field in which they stand.
pub(super) fn unknown(page: &Page, policy: &Policy, slugs: &[TenantSlug]) -> Wrong {
    let said = |listed: &[TenantSlug]| {
        let unknown: Vec<&str> = slugs.iter().filter(|slug| listed.contains(slug)).map(TenantSlug::as_str).collect();
        (!unknown.is_empty()).then(|| vec![page.t1("admin-unknown-slugs", "slugs", unknown.join(", "))])
    };
    let fields = [("only", said(&policy.only)), ("exclude", said(&policy.exclude))];
    fields.into_iter().filter_map(|(field, said)| Some((field.to_owned(), said?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &str)]) -> Result<Policy, Vec<String>> {
        let form = Form::of(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
        policy(&form).map_err(|problem| problem.errors().keys().cloned().collect())
    }

    #[test]
    fn slugs_are_listed_as_people_list_them() {
        let read = read(&[("only", " acme, beta;gamma\r\n delta ,"), ("polite", "true")]).unwrap();
        let only: Vec<&str> = read.only.iter().map(TenantSlug::as_str).collect();
        assert_eq!(only, ["acme", "beta", "gamma", "delta"]);
        assert!(read.polite && read.exclude.is_empty());
    }

    #[test]
    fn what_is_left_empty_is_as_usual() {
        let (read, usual) = (read(&[("concurrency", " "), ("order", "")]).unwrap(), Policy::default());
        assert_eq!((read.concurrency, read.canaries, read.order), (usual.concurrency, usual.canaries, usual.order));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let wrong =
            [("concurrency", "many"), ("canaries", "-1"), ("max_failures", "1e9"), ("only", "A!"), ("order", "x")];
        assert_eq!(read(&wrong).unwrap_err(), ["canaries", "concurrency", "max_failures", "only", "order"]);
        assert_eq!(read(&[("concurrency", "0")]).unwrap_err(), ["concurrency"]);
    }
}
