//! Every form of every page, as whoever looks at it.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};
use tenancy::Language;
use tests::{
    browser::Browser,
    pages::{Filled, PAGES, Who},
};

use super::{all, long, nothing_grew};

/// The forms of a page in which something can be typed.
const FORMS: &str = "
document.querySelectorAll('details').forEach((one) => one.open = true);
const typed = ['text', 'email', 'tel', 'search', 'textarea', 'password', 'url'];
return [...document.querySelectorAll('main form')].map((form) => ({
  method: form.getAttribute('method'),
  action: form.getAttribute('action'),
  name: form.getAttribute('action').replace(/[a-z]{3}_[0-9a-z]{26}/, '{id}').replace(/(tenants\\/)(?!new)[^\\/]+/, '$1{slug}'),
  fields: [...form.elements].filter(({ name, type }) => name && typed.includes(type)).map(({ name }) => name),
})).filter(({ fields }) => fields.length > 0);
";

/// Puts a text into the fields of a form, and sends it: into those in which something can be typed, or also into those that
/// a browser fills with choices and days of its own. What a browser keeps back by itself is sent by others all the same.
const SEND: &str = "
const [method, action, text, everywhere] = arguments;
const form = document.querySelector(`main form[method=${method}][action='${action}']`);
for (const field of form.elements) {
  if (!field.name || field.matches('[type=hidden], [type=checkbox], [type=radio], [type=file], button')) continue;
  const isChosen = field.matches('select, [type=date], [type=datetime-local]');
  if (isChosen && !everywhere) continue;
  if (field.matches('select')) field.add(new Option('', text));
  else if (isChosen) field.type = 'text';
  field.value = text;
}
form.noValidate = true;
const button = form.querySelector('button.primary') ?? form.querySelector('button');
button.disabled = false;
setTimeout(() => form.requestSubmit(button));
";

/// The fields of a form with what is in them; and of which nothing is said.
const KEPT: &str = "
const fields = [...document.querySelectorAll(`main form[action='${arguments[0]}'] [name]:is(input, textarea, select)`)]
  .filter(({ type }) => !['hidden', 'checkbox', 'radio', 'file', 'password'].includes(type));
return fields.map((one) => [one.name, one.value, one.matches('[aria-invalid=true]')
  && document.getElementById(`${one.name}-error`)?.textContent !== '']);
";

#[derive(Deserialize)]
struct Form {
    method: String,
    action: String,
    /// Its action, whichever row or tenant it is about.
    name: String,
    fields: Vec<String>,
}

async fn send(browser: &Browser, path: &str, form: &Form, text: &str, everywhere: bool) -> u64 {
    browser.goto(path).await;
    let sent = vec![json!(form.method), json!(form.action), json!(text), json!(everywhere)];
    browser.led_on(async || drop(browser.run_with(SEND, sent).await)).await;
    nothing_grew(browser).await;
    let status = "return performance.getEntriesByType('navigation')[0]?.responseStatus";
    browser.read("a status", status, vec![]).await.as_u64().unwrap()
}

/// A form whose fields have this text: it is taken, or refused with all that was typed.
async fn takes_or_keeps(browser: &Browser, path: &str, form: &Form) {
    let text = all();
    let status = send(browser, path, form, &text, false).await;
    if status == 200 {
        return;
    }
    assert!(matches!(status, 401 | 422), "{} of {path}: {status}", form.action);
    let kept = browser.run_with(KEPT, vec![json!(form.action)]).await;
    // Passwords are not sent back, and what is typed to be sure is typed anew.
    for field in form.fields.iter().filter(|name| !["password", "confirm"].contains(&name.as_str())) {
        assert!(has(&kept, field, |kept| kept[1] == text), "{field} of {}: {kept}", form.action);
    }
}

fn has(kept: &Value, field: &str, is_right: impl Fn(&Value) -> bool) -> bool {
    kept.as_array().unwrap().iter().any(|one| one[0] == field && is_right(one))
}

/// A form with far too much in each of its fields: each says so itself.
async fn refuses_each(browser: &Browser, path: &str, form: &Form) {
    let status = send(browser, path, form, &long(), true).await;
    // Whether it is the address or the password that is wrong is not said.
    if form.action.ends_with("/login") {
        assert_eq!(status, 401, "{path}");
        return;
    }
    assert_eq!(status, 422, "{} of {path}", form.action);
    let kept = browser.run_with(KEPT, vec![json!(form.action)]).await;
    for field in form.fields.iter().filter(|name| *name != "password") {
        assert!(has(&kept, field, |_| true), "{field} of {}", form.action);
    }
    let silent: Vec<&Value> = kept.as_array().unwrap().iter().filter(|one| one[2] != true).map(|one| &one[0]).collect();
    assert!(silent.is_empty(), "{} of {path} says nothing of {silent:?}", form.action);
    if form.fields.iter().any(|field| field == "password") {
        assert!(!browser.error_of("password").await.is_empty(), "{}", form.action);
    }
}

/// Tries every form once, and says which there were, and how many fields.
async fn every_form(browser: &Browser, filled: &Filled, who: Who) -> (BTreeSet<String>, usize) {
    filled.become_one(browser, Language::English, who).await;
    let (mut forms, mut fields) = (BTreeSet::new(), 0);
    for page in PAGES.iter().filter(|page| page.who == who && page.is_plain()) {
        let path = filled.address(page.path);
        browser.goto(&path).await;
        let there: Vec<Form> = serde_json::from_value(browser.run(FORMS).await).unwrap();
        for form in there {
            if !forms.insert(format!("{} {}", form.method, form.name)) {
                continue;
            }
            fields += form.fields.len();
            if form.method == "get" {
                let status = send(browser, &path, &form, &all(), false).await;
                assert_eq!(status, 200, "{}", form.action);
                assert_eq!(browser.value(&form.fields[0]).await, all(), "{}", form.action);
            } else {
                refuses_each(browser, &path, &form).await;
                takes_or_keeps(browser, &path, &form).await;
            }
            browser.has_no_problems_but(&[401, 422]).await;
        }
    }
    (forms, fields)
}

fn are(found: &(BTreeSet<String>, usize), forms: &[&str], fields: usize) {
    let expected: BTreeSet<String> = forms.iter().map(|form| (*form).to_owned()).collect();
    assert_eq!(*found, (expected, fields));
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_write_what_they_like() {
    let (platform, filled) = Filled::start().await;
    let browser = platform.browser().await;
    let found = every_form(&browser, &filled, Who::Stranger).await;
    are(&found, &["post /login", "post /password", "post /password/forgot", "post /signup"], 6);
    let browser = platform.browser().await;
    let found = every_form(&browser, &filled, Who::Newcomer).await;
    are(&found, &["post /signup", "post /signup/account"], 5);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_write_what_they_like() {
    let (platform, filled) = Filled::start().await;
    let browser = platform.browser().await;
    let found = every_form(&browser, &filled, Who::Operator).await;
    let forms = [
        "get /admin/tenants",
        "post /admin/fleet/start",
        "post /admin/login",
        "post /admin/tenants/new",
        "post /admin/tenants/{slug}/drop",
        "post /admin/tenants/{slug}/suspend",
    ];
    are(&found, &forms, 1 + 5 + 2 + 4 + 1 + 1);
    // It was taken for a reason.
    browser.goto("/admin/tenants/quattro-stand-a-s").await;
    browser.shows(&all()).await;
    nothing_grew(&browser).await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_write_what_they_like() {
    let (platform, filled) = Filled::start().await;
    let browser = platform.browser().await;
    let found = every_form(&browser, &filled, Who::Owner).await;
    let resources =
        ["customers", "leads", "products", "calendar_events", "documents", "projects", "tasks", "time-entries"];
    let mut forms = vec!["post /account/settings".to_owned()];
    for resource in resources {
        forms.extend(["post /app/X", "post /app/X/{id}"].map(|form| form.replace('X', resource)));
    }
    // Those in which nothing can be searched have nothing to type either.
    forms.extend(resources[..7].iter().map(|resource| format!("get /app/{resource}")));
    let forms: Vec<&str> = forms.iter().map(String::as_str).collect();
    are(&found, &forms, 89);
    files_are_called_what_they_are_called(&browser, &filled).await;
    platform.stop().await;
}

/// As a browser sends it that lets somebody choose any file.
const UPLOAD: &str = "
const chosen = new DataTransfer();
chosen.items.add(new File(['%PDF-1.7 an offer'], arguments[0], { type: 'application/pdf' }));
const field = document.querySelector('[name=file]');
field.files = chosen.files;
setTimeout(() => field.form.requestSubmit());
";

async fn files_are_called_what_they_are_called(browser: &Browser, filled: &Filled) {
    let path = filled.address("/app/documents/{documents}");
    // Quotes come as browsers write them (HTML, 4.10.21.8), which is not what is looked at here.
    for name in ["><img src=x onerror=alert(1)>.pdf", "gnp.\u{202e}fdp.pdf", "İıI ğ 統一 👩‍👩‍👧 ' ; --.pdf"]
    {
        browser.goto(&path).await;
        browser.led_on(async || drop(browser.run_with(UPLOAD, vec![json!(name)]).await)).await;
        assert_eq!(browser.text_of("[aria-labelledby=file-title] a bdi").await, name);
        nothing_grew(browser).await;
        browser.goto("/app/documents").await;
        nothing_grew(browser).await;
    }
    browser.goto(&path).await;
    browser.led_on(async || drop(browser.run_with(UPLOAD, vec![json!(long())]).await)).await;
    assert_eq!(browser.count("main .form-error").await, 1);
    browser.has_no_problems_but(&[422]).await;
}
