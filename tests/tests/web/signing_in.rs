//! Signing in and out, and what keeps others from doing it for somebody.

use jiff::Timestamp;
use reqwest::Method;
use tests::{
    TestPlatform, TestSettings, Visitor,
    client::PASSWORD,
    forge::{Forge, claims_of},
};

const EMAIL: &str = "ada@example.com";

async fn scene() -> TestPlatform {
    let platform = TestPlatform::start().await;
    platform.tenant_of("Acme", EMAIL).await;
    platform
}

#[tokio::test(flavor = "multi_thread")]
async fn in_and_out_again() {
    let platform = scene().await;
    let browser = platform.browser().await;
    browser.goto("/language/en?next=/app/customers?page=1").await;
    // Whoever has to sign in comes to where they wanted to go.
    browser.is_at("/login").await;
    browser.fill("email", EMAIL).await;
    browser.fill("password", "wrong horse battery staple").await;
    browser.press("Sign in").await;
    browser.shows("The e-mail address or the password is wrong.").await;
    assert_eq!(browser.value("email").await, EMAIL);
    assert_eq!(browser.value("password").await, "");
    browser.fill("email", "nobody@example.com").await;
    browser.fill("password", PASSWORD).await;
    // The same words as before, on another page.
    browser.led_on(async || browser.press("Sign in").await).await;
    browser.shows("The e-mail address or the password is wrong.").await;
    assert_eq!(browser.value("email").await, "nobody@example.com");
    browser.has_no_problems_but(&[401]).await;

    browser.fill("email", EMAIL).await;
    browser.fill("password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.is_at("/app/customers").await;
    assert_eq!(browser.here().await, "/app/customers?page=1");
    browser.has_no_problems().await;

    browser.press("Sign out").await;
    browser.is_at("/login").await;
    browser.shows("You are signed out.").await;
    browser.goto("/app").await;
    browser.is_at("/login").await;
    browser.has_no_problems().await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_set_anew_by_mail() {
    let platform = scene().await;
    let browser = platform.browser().await;
    browser.goto("/language/en?next=/login").await;
    browser.press("Forgot your password?").await;
    browser.is_at("/password/forgot").await;
    browser.fill("email", "no address").await;
    browser.send().await;
    browser.refuses_somehow("email").await;
    assert_eq!(browser.value("email").await, "no address");
    browser.fill("email", EMAIL).await;
    browser.send().await;
    browser.is_at("/login").await;
    browser.shows("a mail is on its way").await;

    let token = platform.mail(EMAIL, "/password?token=").await.token();
    browser.goto(&format!("/password?token={token}")).await;
    browser.fill("password", "short").await;
    browser.send().await;
    browser.refuses_somehow("password").await;
    browser.fill("password", "another good password").await;
    browser.send().await;
    browser.is_at("/login").await;
    browser.shows("Your password is set.").await;
    browser.fill("email", EMAIL).await;
    browser.fill("password", "another good password").await;
    browser.send().await;
    browser.is_at("/app").await;

    browser.goto(&format!("/password?token={token}")).await;
    browser.fill("password", "a third good password").await;
    browser.send().await;
    browser.shows("This link is not valid, or no longer.").await;
    browser.has_no_problems_but(&[422]).await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_that_was_chosen_stays() {
    let platform = scene().await;
    let browser = platform.browser().await;
    browser.goto("/login?next=/app/leads").await;
    browser.shows("Welcome back").await;
    browser.press("Türkçe").await;
    browser.shows("Yeniden hoş geldiniz").await;
    assert_eq!(browser.here().await, "/login?next=/app/leads");
    browser.goto("/signup").await;
    browser.press("English").await;
    browser.shows("Tell us about your company").await;
    browser.sign_in(EMAIL).await;
    assert_eq!(browser.run("return document.documentElement.lang").await, "en");
    browser.has_no_problems().await;

    // Without a choice it is the browser's, and without that the platform's.
    let accepted = async |language: &str| {
        let visitor = platform.visitor();
        let request = visitor.request(Method::GET, "/login").header("accept-language", language);
        visitor.send(request).await.expect(200).headers["content-language"].to_str().unwrap().to_owned()
    };
    assert_eq!(accepted("en-GB,en;q=0.9").await, "en");
    assert_eq!(accepted("tr-TR").await, "tr");
    assert_eq!(accepted("de,en;q=0.7,tr;q=0.5").await, "en");
    assert_eq!(accepted("ja").await, "tr");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_are_for_this_site_and_no_script() {
    let platform = scene().await;
    let browser = platform.browser().await;
    browser.sign_in(EMAIL).await;
    assert_eq!(browser.run("return document.cookie").await, "");

    for is_plain in [true, false] {
        let mut wanted = TestSettings::default();
        wanted.settings.http.allow_plain = is_plain;
        let platform = TestPlatform::with(wanted).await;
        platform.tenant_of("Acme", EMAIL).await;
        let visitor = platform.visitor();
        let first = visitor.get("/login").await.expect(200);
        let token = first.form_token().to_owned();
        let form = [("form_token", &*token), ("email", EMAIL), ("password", PASSWORD)];
        let signed_in = visitor.post("/login", &form).await.expect(303);
        let session = visitor.get(signed_in.location()).await.expect(303);
        let language = visitor.get("/language/tr").await.expect(303);
        let draft = visitor.fill("/signup", &[("company_name", "Other")]).await.expect(303);
        for seen in [&first, &signed_in, &session, &language, &draft] {
            assert!(!seen.cookies().is_empty());
            for cookie in seen.cookies() {
                assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"), "{cookie}");
                assert_eq!(cookie.contains("; Secure"), !is_plain, "{cookie}");
            }
        }
        let of_session =
            signed_in.cookies().into_iter().find(|cookie| cookie.starts_with("tenantry_session=")).unwrap();
        assert!(of_session.contains("; Path=/session"), "{of_session}");
        let strict = first.headers.get("strict-transport-security");
        assert_eq!(strict.is_some(), !is_plain);
        platform.stop().await;
    }
    platform.stop().await;
}

/// The same token as of long ago.
fn outdated(platform: &TestPlatform, token: &str) -> String {
    let mut claims = claims_of(token);
    let long_ago = Timestamp::now().as_second() - 7200;
    for (name, at) in [("iat", long_ago), ("nbf", long_ago), ("exp", long_ago + 900)] {
        claims[name] = at.into();
    }
    Forge::new(&platform.platform.master_key, token).sign(&claims)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_that_has_run_out_is_renewed_and_a_form_goes_along() {
    let platform = scene().await;
    let browser = platform.browser().await;
    browser.goto("/language/en?next=/login").await;
    browser.sign_in(EMAIL).await;
    browser.goto("/app/customers/new").await;
    browser.paste("company_name", "Quattro Stand").await;
    let fresh = browser.cookie("tenantry_access").await;
    browser.set_cookie("tenantry_access", &outdated(&platform, &fresh)).await;
    browser.send().await;
    browser.shows("Created.").await;
    assert_eq!(browser.value("company_name").await, "Quattro Stand");

    let fresh = browser.cookie("tenantry_access").await;
    browser.set_cookie("tenantry_access", &outdated(&platform, &fresh)).await;
    browser.goto("/app/customers").await;
    browser.shows("Quattro Stand").await;
    browser.set_cookie("tenantry_access", "made-up").await;
    browser.goto("/app/leads").await;
    browser.is_at("/app/leads").await;

    let fresh = browser.cookie("tenantry_access").await;
    browser.set_cookie("tenantry_access", &outdated(&platform, &fresh)).await;
    browser.press("Sign out").await;
    browser.shows("You are signed out.").await;
    browser.has_no_problems().await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_somebody_else_is_refused() {
    let platform = scene().await;
    platform.tenant_of("Other", "eve@example.com").await;
    let (ada, eve) = (platform.visitor(), platform.visitor());
    ada.sign_in(EMAIL).await;
    eve.sign_in("eve@example.com").await;
    let made = async |visitor: &Visitor, token: &str| {
        visitor.post("/app/customers", &[("form_token", token), ("company_name", "Forged")]).await
    };
    let of_eve = eve.get("/app/customers/new").await.expect(200).form_token().to_owned();
    let of_ada = ada.get("/app/customers/new").await.expect(200).form_token().to_owned();
    let of_stranger = platform.visitor().get("/login").await.form_token().to_owned();
    let before_signing_in = platform.visitor();
    let early = before_signing_in.get("/login").await.form_token().to_owned();
    before_signing_in.sign_in(EMAIL).await;

    for token in ["", "made-up", &of_eve, &of_stranger] {
        made(&ada, token).await.expect(403);
    }
    ada.post("/app/customers", &[("company_name", "Forged")]).await.expect(403);
    made(&before_signing_in, &early).await.expect(403);
    // What browsers themselves say counts too: the token may have leaked.
    for (from, status) in [("cross-site", 403), ("same-site", 403), ("same-origin", 422)] {
        let form = ada.request(Method::POST, "/app/customers").header("sec-fetch-site", from);
        ada.send(form.form(&[("form_token", &*of_ada), ("company_name", "")])).await.expect(status);
    }
    // Nor is anybody signed in or out by another site.
    let stranger = platform.visitor();
    stranger.get("/login").await;
    stranger.post("/login", &[("email", EMAIL), ("password", PASSWORD)]).await.expect(403);
    ada.post("/session/end", &[]).await.expect(403);
    ada.get("/session/end").await.expect(405);
    ada.get("/app").await.expect(200);
    let owner = platform.client.sign_in(EMAIL).await;
    assert_eq!(owner.get("/api/v1/customers").await.expect(200).body["total"], 0);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_led_to_another_site() {
    let platform = scene().await;
    let visitor = platform.visitor();
    visitor.get("/login").await;
    visitor.sign_in(EMAIL).await;
    let elsewhere = [
        "https://evil.example",
        "//evil.example",
        "/%5Cevil.example",
        "/%09/evil.example",
        "/%0A/evil.example",
        "%20//evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/%0D%0ASet-Cookie:%20a=b",
        "%FF",
    ];
    for next in elsewhere {
        for way in ["/session?next=", "/language/en?next=", "/login?next="] {
            let seen = visitor.get(&format!("{way}{next}")).await;
            assert!(["", "/app", "/"].contains(&seen.location()), "{way}{next}: {}", seen.location());
            assert!(seen.text.is_empty() || seen.text.contains("name=\"next\" value=\"/app\""), "{way}{next}");
        }
    }
    let form = [("email", EMAIL), ("password", PASSWORD), ("next", "https://evil.example")];
    let seen = visitor.fill("/login", &form).await.expect(303);
    assert_eq!(seen.location(), "/session?next=/app");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_a_browser_is_guarded() {
    let platform = scene().await;
    let visitor = platform.visitor();
    visitor.sign_in(EMAIL).await;
    let pages = [
        ("/login", 200),
        ("/login?next=%FF", 200),
        ("/signup", 200),
        ("/password", 200),
        ("/verify", 422),
        ("/app", 200),
        ("/app/customers/none", 404),
        ("/app/none", 404),
        ("/session/end", 405),
        ("/signup/done/events", 404),
    ];
    for (path, status) in pages {
        let request = visitor.request(Method::GET, path).header("accept", "text/html,*/*;q=0.8");
        let seen = visitor.send(request).await.expect(status);
        let header = |name: &str| seen.headers.get(name).map_or("", |value| value.to_str().unwrap());
        assert_eq!(header("content-type"), "text/html; charset=utf-8", "{path} {}", seen.text);
        assert!(header("content-security-policy").starts_with("default-src 'none'; script-src 'self';"), "{path}");
        assert!(!header("content-security-policy").contains("unsafe"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{path}");
        let kept =
            if path.starts_with("/app") && path != "/app/none" { "private, no-store" } else { "private, no-cache" };
        assert_eq!(header("cache-control"), kept, "{path}");
    }
    platform.stop().await;
}
