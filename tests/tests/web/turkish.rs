//! As figures and days are written where most companies are.

use serde_json::json;
use tenancy::Language;
use tests::{TestPlatform, browser::Look};

use super::wizard::make;

#[tokio::test(flavor = "multi_thread")]
async fn figures_and_days_are_typed_and_read_as_in_turkish() {
    let platform = TestPlatform::stocked().await;
    let browser = platform.browser_with(Look::new(Language::Turkish, Look::NARROW, false)).await;
    browser.sign_up_to_payment("Iğdır Isı", "ada@example.com").await;
    make(&browser).await;
    browser.goto("/app/leads/new").await;
    browser.fill("company_name", "Işıl Çağlayan").await;
    browser.fill("estimated_value", "1.250,00").await;
    browser.fill("stand_area", "36,5").await;
    // In which order days are typed is the browser's own.
    browser.paste("fair_date", "2027-03-09").await;
    browser.send().await;
    browser.shows("Oluşturuldu.").await;
    assert_eq!(browser.value("estimated_value").await, "1250,00");
    assert_eq!(browser.value("stand_area").await, "36,50");
    browser.goto("/app/leads?view=list").await;
    browser.shows("1.250,00\u{a0}₺").await;
    browser.shows("9 Mar 2027").await;
    browser.has_no_problems().await;

    let owner = platform.client.sign_in("ada@example.com").await;
    let lead = owner.get("/api/v1/leads").await.expect(200).body["data"][0].clone();
    assert_eq!((&lead["fair_date"], &lead["stand_area"]), (&json!("2027-03-09"), &json!("36.50")));
    assert_eq!(lead["estimated_value"].as_str().unwrap().trim_end_matches('0'), "1250.");
    platform.stop().await;
}
