//! An hour's requests of a thousand tenants, as fast as they are answered, on a PostgreSQL with its usual 100 connections:
//! every answer is the tenant's own, and the server never sees more than the runtime's share. Anything else ends the run.

use std::time::Duration;

use control_plane::tenants::Born;
use futures_util::{StreamExt, stream};
use tests::{
    CustomerId,
    chance::Chance,
    measure::{
        Effort,
        load::{Load, get, patch, post},
        report::{Line, Report, note},
        served::{Served, Wanted, token},
    },
};

use crate::many::{BUDGET, CLIENTS, Spread, tenant};

/// What one tenant asks for in an hour, on average.
const EACH: usize = 30;
/// Requests that are put off, of a hundred.
const PUT_OFF: f64 = 1.0;
const LONGEST: Duration = Duration::from_secs(1_800);

pub(crate) async fn measure(effort: Effort, report: &mut Report) {
    let count = effort.pick(1_000, 50);
    note(&format!("making {count} tenants for an hour's requests …"));
    let served = Served::with(Wanted { budget: BUDGET, max_connections: 100, ..Wanted::default() }).await;
    let customer = served.customer;
    let births = (0..count).map(|_| tenant(&served, customer));
    let tenants: Vec<Born> = stream::iter(births).buffered(8).collect().await;
    let tokens: Vec<String> = tenants.iter().map(|born| token(&served.signer, born)).collect();
    let platform = served.platform_session().await;
    platform.batch_execute("CHECKPOINT").await.unwrap();
    for spread in [Spread::Uniform, Spread::Zipf] {
        note(&format!("an hour's requests, {} …", spread.word()));
        let mut chance = Chance::of(3);
        let order = spread.order(count, 0);
        let asked = order[..count * EACH].iter().map(|place| {
            let (born, token) = (&tenants[*place as usize], &tokens[*place as usize]);
            let slug = born.tenant.slug.as_str();
            (request(customer, slug, token, &mut chance), format!("\"company_name\":\"{slug}\"").into_bytes())
        });
        let (requests, marks) = asked.unzip();
        let watch = served.watch().await;
        let load = Load::in_order(served.address, requests, Vec::new(), CLIENTS).marked(marks);
        let outcome = load.outcome(LONGEST).await;
        let seen = watch.end().await;
        let sql = "SELECT connections - 2 FROM connection_shares WHERE kind = 'runtime'";
        let share: i32 = platform.query_one(sql, &[]).await.unwrap().get(0);
        assert!(seen.most <= i64::from(share), "{seen:?} with a share of {share}");
        let put_off = 100.0 * outcome.put_off as f64 / (count * EACH) as f64;
        let measured = format!(
            "{:.0} a second, {put_off:.2} % put off; at most {} connections, share {share}",
            outcome.rate, seen.most
        );
        let what = format!("{count} tenants, {} mixed requests, {}", count * EACH, spread.word());
        report.add(Line::fact(&what, measured).limit(put_off, PUT_OFF, "% put off"));
    }
    served.stop().await;
}

/// Three of five read one customer; the others list, search, create and change.
fn request(customer: CustomerId, slug: &str, token: &str, chance: &mut Chance) -> Vec<u8> {
    let token = Some(token);
    match chance.below(20) {
        0..=11 => get(&format!("/api/v1/customers/{customer}"), token),
        12..=13 => get("/api/v1/customers?sort=-created_at", token),
        14..=15 => get(&format!("/api/v1/customers?search={slug}"), token),
        16..=18 => post("/api/v1/customers", token, &format!(r#"{{"company_name":"{slug}","city":"İzmir"}}"#)),
        _ => patch(&format!("/api/v1/customers/{customer}"), token, r#"{"city":"Iğdır"}"#),
    }
}
