//! Many tenants on few connections. What PostgreSQL can do at all: a request that finds a connection open is answered as
//! fast as a bare handler answers, and one that does not needs a new one, which costs the whole machine some milliseconds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use control_plane::tenants::Born;
use futures_util::{StreamExt, stream};
use tests::{
    CustomerId,
    chance::Chance,
    measure::{
        Effort,
        load::{Load, get},
        report::{Line, Report, note},
        rows,
        served::{Served, Wanted, token},
    },
};
use tokio_postgres::Config;

/// Connections of the runtime, of the 100 that PostgreSQL has by default.
pub(crate) const BUDGET: usize = 90;
/// Where memory allows it.
const LARGE_BUDGET: usize = 1_000;
/// Of what can be.
const RATIO: f64 = 0.8;
/// Clients at once.
pub(crate) const CLIENTS: usize = 48;

/// How requests spread over tenants.
#[derive(Clone, Copy)]
pub(crate) enum Spread {
    Uniform,
    Zipf,
    /// Zipf, with other favourites every ten seconds.
    Changing,
}

impl Spread {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Zipf => "Zipf",
            Self::Changing => "Zipf, favourites change every 10 s",
        }
    }

    /// How many requests find a connection open where the most used tenants have them all.
    fn best_hits(self, tenants: usize, budget: usize) -> f64 {
        let open = budget.min(tenants);
        match self {
            Self::Uniform => open as f64 / tenants as f64,
            Self::Zipf | Self::Changing => {
                let sum = |count: usize| (1..=count).map(|rank| 1.0 / rank as f64).sum::<f64>();
                sum(open) / sum(tenants)
            }
        }
    }

    /// Which tenant is asked for next, for a while; another turn has other favourites.
    pub(crate) fn order(self, tenants: usize, turn: usize) -> Vec<u32> {
        let mut chance = Chance::of(7 + turn as u64);
        let sums: Vec<f64> = (1..=tenants)
            .scan(0.0, |sum, rank| {
                *sum += 1.0 / rank as f64;
                Some(*sum)
            })
            .collect();
        let place = |chance: &mut Chance| match self {
            Self::Uniform => chance.below(tenants),
            Self::Zipf | Self::Changing => {
                let point = chance.below(1_000_000_000) as f64 / 1e9 * sums[tenants - 1];
                let rank = sums.partition_point(|sum| *sum < point).min(tenants - 1);
                // 389 has no divisor in common with 100 and 1,000: every turn is another order.
                (rank * 389 + turn * 7_919) % tenants
            }
        };
        (0..200_000).map(|_| u32::try_from(place(&mut chance)).unwrap()).collect()
    }
}

pub(crate) async fn measure(effort: Effort, report: &mut Report) {
    let (few, many) = effort.pick((100, 1_000), (20, 100));
    note(&format!("making {many} tenants …"));
    let wanted = Wanted { budget: BUDGET, max_connections: LARGE_BUDGET + 60, ..Wanted::default() };
    let served = Served::with(wanted).await;
    let customer = served.customer;
    let births = (0..many).map(|_| tenant(&served, customer));
    let tenants: Vec<Born> = stream::iter(births).buffered(8).collect().await;
    served.platform_session().await.batch_execute("CHECKPOINT").await.unwrap();
    let asked: Vec<Asked> = tenants.iter().map(|born| Asked::of(&served, born, customer)).collect();

    let (floor, floor_address) = served.floor("fast").await;
    let bare = Load::of(floor_address, get(&format!("/customers/{customer}"), None), CLIENTS);
    let configs: Arc<Vec<Config>> = Arc::new(tenants.iter().map(|born| served.as_tenant(born)).collect());

    let limits = Limits { bare, configs, customer };
    for count in [few, many] {
        for spread in [Spread::Uniform, Spread::Zipf, Spread::Changing] {
            limits.compare(&served, &asked[..count], spread, BUDGET, effort, report).await;
        }
    }
    let served = served.serve_again("all", LARGE_BUDGET).await;
    for spread in [Spread::Uniform, Spread::Zipf, Spread::Changing] {
        limits.compare(&served, &asked, spread, LARGE_BUDGET, effort, report).await;
    }
    drop(floor);
    served.stop().await;
}

/// What PostgreSQL can do at all, measured between our own rounds: what the machine gives changes from minute to minute.
struct Limits {
    bare: Load,
    configs: Arc<Vec<Config>>,
    customer: CustomerId,
}

impl Limits {
    async fn compare(
        &self,
        served: &Served,
        asked: &[Asked],
        spread: Spread,
        budget: usize,
        effort: Effort,
        report: &mut Report,
    ) {
        let time = effort.pick(Duration::from_secs(10), Duration::from_secs(1));
        let load = |turn| {
            let order = spread.order(asked.len(), turn);
            let (requests, marks) = asked.iter().map(|one| (one.request.clone(), one.mark.clone())).unzip();
            Load::in_order(served.address, requests, order, CLIENTS).marked(marks)
        };
        load(0).outcome(time).await;
        let (mut rate, mut put_off, mut warm, mut connecting) = (0.0, 0, 0.0, 0.0);
        let watch = served.watch().await;
        let turns = effort.pick(3, 1);
        let mut made = 0.0;
        for turn in 1..=turns {
            warm += self.bare.run(time / 5).await / turns as f64;
            connecting += self::connecting(self.configs.clone(), self.customer, time / 2).await / turns as f64;
            let turn = if matches!(spread, Spread::Changing) { turn } else { 0 };
            let before = connections_made(served).await;
            let outcome = load(turn).outcome(time).await;
            made += connections_made(served).await - before;
            rate += outcome.rate / turns as f64;
            put_off += outcome.put_off;
        }
        let seen = watch.end().await;
        let hits = spread.best_hits(asked.len(), budget);
        let limit = 1.0 / (hits / warm + (1.0 - hits) / connecting);
        assert!(seen.most <= budget as i64, "{seen:?} with a budget of {budget}");
        let answers = rate * (time * turns as u32).as_secs_f64();
        let found = 1.0 - made / answers;
        let what = format!("{} tenants, budget {budget}, {}", asked.len(), spread.word());
        let measured = format!(
            "{rate:.0} a second, {put_off} put off; {found:.2} found a connection (best {hits:.2}); at most {} at once, for {:.0} tenants",
            seen.most, seen.tenants
        );
        let line = Line::fact(&what, measured);
        let line = line.beside(format!("{limit:.0} a second (open {warm:.0}, connecting {connecting:.0})"));
        // With the large budget nearly every request finds a connection; there the bare handler is no fair limit.
        report.add(if budget == BUDGET {
            line.ratio_at_least(rate / limit, RATIO)
        } else {
            line.remark(format!("{:.2}", rate / limit))
        });
    }
}

/// How many connections were made to tenants' databases so far.
async fn connections_made(served: &Served) -> f64 {
    let session = served.platform_session().await;
    let sql = "SELECT sum(sessions)::float8 FROM pg_stat_database WHERE datname ~ '^t[0-9]+_'";
    session.query_one(sql, &[]).await.unwrap().get(0)
}

/// A tenant with one customer, whose id is the same everywhere, and whose name is the tenant's own.
pub(crate) async fn tenant(served: &Served, customer: CustomerId) -> Born {
    let born = served.empty().await;
    let sql = "INSERT INTO customers (id, company_name, created_by, created_by_name) VALUES ($1, $2, $1, 'Ada')";
    served.session(&born).await.execute(sql, &[&customer, &born.tenant.slug.as_str()]).await.unwrap();
    born
}

/// A tenant's request, and what its answer has in it and no other's.
struct Asked {
    request: Vec<u8>,
    mark: Vec<u8>,
}

impl Asked {
    fn of(served: &Served, born: &Born, customer: CustomerId) -> Self {
        let request = get(&format!("/api/v1/customers/{customer}"), Some(&token(&served.signer, born)));
        Self { request, mark: format!("\"company_name\":\"{}\"", born.tenant.slug).into_bytes() }
    }
}

/// Connections a second for one query each, eight at a time.
async fn connecting(configs: Arc<Vec<Config>>, customer: CustomerId, time: Duration) -> f64 {
    let done = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let tasks: Vec<_> = (0..8_u64)
        .map(|number| {
            // What the bare handler asks for.
            let (configs, done, sql) = (configs.clone(), done.clone(), rows::read_one());
            tokio::spawn(async move {
                let mut chance = Chance::of(number);
                while started.elapsed() < time {
                    let config = &configs[chance.below(configs.len())];
                    let client = tenancy::postgres::connect(config).await.unwrap();
                    let rows = client.query_typed(&sql, &[(&customer, tokio_postgres::types::Type::UUID)]).await;
                    assert_eq!(rows.unwrap().len(), 1);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    futures_util::future::join_all(tasks).await;
    done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64()
}
