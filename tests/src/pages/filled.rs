//! A platform with a workspace in which a company has worked for a while: stands at fairs, in Turkish and English.
//! Beside it is what happens to few.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use control_plane::provisioning::Fault;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use reqwest::Method;
use serde_json::{Value, json};
use tenantry::cluster::Cluster;

use crate::{Client, TestPlatform, TestSettings, client::PASSWORD, shared_cluster};

/// What was put into it.
pub struct Filled {
    /// The address of the owner of the full workspace.
    pub owner: &'static str,
    /// The address of the owner of the empty one.
    pub beginner: &'static str,
    /// The address of the owner of the suspended one.
    pub suspended: &'static str,
    /// The address of who runs the platform.
    pub operator: &'static str,
    /// A client with the owner's token.
    pub client: Client,
    /// One row of each resource by the resource's path, and what else stands in addresses.
    pub(super) rows: HashMap<&'static str, String>,
}

/// Company, who answers there, city, sector.
const COMPANIES: [(&str, &str, &str, &str); 24] = [
    ("Quattro Stand A.Ş.", "Işıl Çağlayan", "İstanbul", "Stand"),
    ("Anadolu Seramik Sanayi ve Ticaret A.Ş.", "Ömer Yıldırım", "Kütahya", "Seramik"),
    ("Şişecam Otomotiv", "Gülşah Öztürk", "Kırklareli", "Otomotiv"),
    ("Ege Mermer İhracat Ltd. Şti.", "Barış Ünal", "İzmir", "Doğal taş"),
    ("Nordic Timber AB", "Astrid Lindqvist", "Göteborg", "Timber"),
    ("Harbour & Sons Ltd", "Oliver Whitfield", "London", "Boats"),
    ("Çukurova Tarım Makineleri", "Hacı Göçmen", "Adana", "Tarım"),
    ("Maschinenfabrik Grünwald GmbH", "Jürgen Weiß", "Nürnberg", "Machines"),
    ("Boğaziçi Yazılım", "Ece Güneş", "İstanbul", "Yazılım"),
    ("Kapadokya Turizm", "Nuray Şimşek", "Nevşehir", "Turizm"),
    ("Blue Ridge Furniture Co.", "Emily Carter", "Asheville", "Furniture"),
    ("Bursa İplik", "Kâmil Doğan", "Bursa", "Tekstil"),
    ("Atlantique Cosmétiques", "Hélène Lefèvre", "Nantes", "Cosmetics"),
    ("Güneydoğu Enerji", "Rojda Aydın", "Diyarbakır", "Enerji"),
    ("Öz-İş Mobilya", "İbrahim Kılıç", "Kayseri", "Mobilya"),
    ("Meridian Medical Devices", "Priya Raman", "Leeds", "Medical"),
    ("Trakya Şarapçılık", "Ayşegül Tuna", "Tekirdağ", "Gıda"),
    ("Lumen Aydınlatma", "Çetin Er", "Ankara", "Aydınlatma"),
    ("Pera Kahve", "Deniz Işık", "İstanbul", "Gıda"),
    ("Vistula Packaging Sp. z o.o.", "Łukasz Wiśniewski", "Kraków", "Packaging"),
    ("Toros Plastik", "Sıtkı Ağaoğlu", "Mersin", "Plastik"),
    ("Karadeniz Fındık Birliği", "Yağmur Çelik", "Giresun", "Gıda"),
    ("Helvetia Precision AG", "Urs Brunner", "Biel", "Watches"),
    ("Marmara Lojistik", "Tülin Gök", "Kocaeli", "Lojistik"),
];

const FAIRS: [&str; 6] =
    ["UNICERA İstanbul", "Automechanika Frankfurt", "Marble İzmir", "Anuga Köln", "WIN EURASIA", "CNR Mobilya"];

const PRODUCTS: [(&str, &str, &str, &str, &str); 8] = [
    ("Modüler stand 3 × 3", "STD-33", "stand", "set", "48500.00"),
    ("Reception desk, backlit", "DSK-01", "furniture", "piece", "12750.00"),
    ("LED ekran P2.6", "LED-26", "electronics", "m2", "3900.00"),
    ("Kumaş gergi baskı", "GRF-10", "graphics", "m2", "420.00"),
    ("Spot 30 W", "LGT-30", "lighting", "piece", "185.50"),
    ("Kurulum ekibi", "SRV-KUR", "service", "day", "9600.00"),
    ("Bar stool, white", "STL-02", "furniture", "piece", "890.00"),
    ("Ahşap zemin", "FLR-11", "stand", "m2", "650.00"),
];

const TASKS: [&str; 12] = [
    "Stand çizimini müşteriye gönder",
    "Order the carpet",
    "Elektrik projesini fuar alanına onaylat",
    "Print the back wall",
    "Nakliye firmasıyla sözleşme",
    "Book hotel rooms for the crew",
    "Grafikleri baskıya hazırla",
    "Mobilya listesini kesinleştir",
    "Check the fire certificate",
    "Kurulum ekibini planla",
    "Photograph the stand",
    "Söküm sonrası rapor",
];

impl Filled {
    /// A platform without stock, and what was put into it. From then on no workspace that is made is finished.
    pub async fn start() -> (TestPlatform, Self) {
        Self::on(shared_cluster().await).await
    }

    /// [`Filled::start`] on a cluster of choice.
    pub async fn on(cluster: &Cluster) -> (TestPlatform, Self) {
        let mut settings = TestSettings::default();
        settings.settings.provisioning.stock = 0;
        let held = Arc::new(Mutex::new(""));
        let step_held = held.clone();
        settings.fault = Fault::passing(move |_, step, _| step == *step_held.lock().unwrap());
        let platform = TestPlatform::on(cluster, settings).await;
        let client = workspace(&platform, "Quattro Stand A.Ş.", OWNER).await;
        workspace(&platform, "Yeni Şirket", BEGINNER).await;
        workspace(&platform, "Askıda Ltd.", SUSPENDED).await;
        platform.control_plane().ensure_super_admin(OPERATOR, PASSWORD).await.unwrap();
        let mut filled = Self {
            owner: OWNER,
            beginner: BEGINNER,
            suspended: SUSPENDED,
            operator: OPERATOR,
            client,
            rows: HashMap::new(),
        };
        filled.customers().await;
        filled.leads().await;
        filled.products().await;
        filled.projects().await;
        filled.events().await;
        filled.documents().await;
        filled.troubles(&platform, &held).await;
        (platform, filled)
    }

    /// An address with the ids of rows in their places.
    pub fn address(&self, path: &str) -> String {
        self.rows.iter().fold(path.to_owned(), |path, (resource, id)| path.replace(&format!("{{{resource}}}"), id))
    }

    /// From now on this row of a resource is the one that is looked at.
    pub fn look_at(&mut self, resource: &'static str, id: &str) {
        self.rows.insert(resource, id.to_owned());
    }

    async fn make(&mut self, resource: &'static str, body: Value) -> Value {
        self.make_below(resource, &format!("/api/v1/{resource}"), body).await
    }

    /// The first of each is the one that is looked at.
    async fn make_below(&mut self, resource: &'static str, path: &str, body: Value) -> Value {
        let made = self.client.post(path, &body).await.expect(201).body;
        self.rows.entry(resource).or_insert_with(|| made["id"].as_str().unwrap().to_owned());
        made
    }

    async fn customers(&mut self) {
        let relationships = ["customer", "prospect", "partner", "supplier"];
        for (n, (company, person, city, sector)) in COMPANIES.into_iter().enumerate() {
            let body = json!({
                "company_name": company, "company_title": company, "contact_person": person,
                "email": format!("info{n}@example.com"), "phone": format!("+90 212 555 0{:03}", n * 7),
                "country": if n % 3 == 1 { "Germany" } else { "Türkiye" }, "city": city, "sector": sector,
                "address": "Atatürk Caddesi No. 14, Kat 3", "relationship_type": relationships[n % 4],
                "status": if n % 6 == 5 { "inactive" } else { "active" }, "customer_since": day(-40 * n as i64),
                "total_revenue": format!("{}.50", 18_000 + n * 7_350), "currency": "TRY", "tags": ["fuar", sector],
            });
            self.make("customers", body).await;
        }
    }

    async fn leads(&mut self) {
        let states = ["new", "contacted", "qualified", "proposal", "won", "lost"];
        let sources = ["website", "referral", "fair", "phone", "email", "social"];
        for n in 0..18 {
            let (company, person, ..) = COMPANIES[(n * 5 + 3) % COMPANIES.len()];
            let body = json!({
                "company_name": company, "contact_person": person, "email": format!("lead{n}@example.com"),
                "phone": "+90 532 555 01 01", "source": sources[n % 6], "status": states[n % 6],
                "fair": FAIRS[n % 6], "fair_date": day(9 * n as i64 - 20), "stand_area": "36.50",
                "estimated_value": format!("{}.00", 45_000 + n * 12_500), "currency": "TRY",
                "notes": "Ada stand istiyor; çift katlı olabilir.\nWants a quote by Friday.",
            });
            self.make("leads", body).await;
        }
    }

    async fn products(&mut self) {
        for (name, code, category, unit, price) in PRODUCTS {
            let body = json!({
                "name": name, "code": code, "category": category, "unit": unit, "unit_price": price,
                "currency": "TRY", "description": "Depoda hazır.", "tags": ["2026"],
            });
            self.make("products", body).await;
        }
    }

    async fn projects(&mut self) {
        let customer = self.rows["customers"].clone();
        let states = ["todo", "in_progress", "review", "done"];
        let states_of_projects = ["active", "active", "active", "completed", "active", "archived"];
        let priorities = ["low", "medium", "high", "critical"];
        for n in 0..6 {
            let body = json!({
                "name": format!("{} — {}", FAIRS[n], COMPANIES[n].0), "description": "İki katlı, 72 m², köşe stand.",
                "status": states_of_projects[n],
                "customer_id": customer, "fair": FAIRS[n], "city": COMPANIES[n].2, "country": "Türkiye",
                "contract_amount": format!("{}.00", 240_000 + 35_000 * n), "currency": "TRY",
                "start_date": day(-10 + 12 * n as i64), "end_date": day(20 + 12 * n as i64),
            });
            let project = self.make("projects", body).await;
            let below = format!("/api/v1/projects/{}/tasks", project["id"].as_str().unwrap());
            for t in 0..(12 - 2 * n) {
                let body = json!({
                    "title": TASKS[(t + n) % 12], "description": "Ayrıntılar çizim klasöründe.",
                    "status": states[t % 4], "priority": priorities[(t + n) % 4],
                    "estimated_hours": "6.50", "due_date": day(t as i64 - 3),
                });
                let task = self.make_below("tasks", &below, body).await;
                if t < 3 {
                    let body = json!({ "task_id": task["id"], "description": "Çizim", "hours": "1.75" });
                    self.make("time-entries", body).await;
                }
            }
        }
    }

    async fn events(&mut self) {
        let customer = self.rows["customers"].clone();
        let kinds = ["meeting", "call", "fair", "installation", "dismantling", "deadline", "other"];
        let first = today().first_of_month();
        for n in 0..12 {
            let starts = first.saturating_add((n * 5 % 28).days());
            let kind = kinds[n as usize % 7];
            let ends = if matches!(kind, "fair" | "installation") { starts.saturating_add(2.days()) } else { starts };
            let body = json!({
                "title": format!("{}: {}", FAIRS[n as usize % 6], TASKS[n as usize]), "kind": kind,
                "starts_at": format!("{starts}T09:30:00Z"), "ends_at": format!("{ends}T11:00:00Z"),
                "location": "İstanbul Fuar Merkezi, Salon 7", "description": "Pasaport fotokopisi gerekli.",
                "customer_id": customer,
            });
            self.make("calendar_events", body).await;
        }
    }

    async fn documents(&mut self) {
        let names = ["Teklif 2026-014", "Sözleşme (imzalı)", "Stand drawing, rev. C", "Fatura 8812", "Photos"];
        let categories = ["offer", "contract", "drawing", "invoice", "photo"];
        let customer = self.rows["customers"].clone();
        for (name, category) in names.into_iter().zip(categories) {
            let body = json!({ "name": name, "category": category, "customer_id": customer });
            let document = self.make("documents", body).await;
            let path = format!("/api/v1/documents/{}/file?name=teklif.pdf", document["id"].as_str().unwrap());
            let content = [b"%PDF-1.7 ".as_slice(), &[b' '; 48_000]].concat();
            let file = self.client.request(Method::PUT, &path).header("content-type", "application/pdf").body(content);
            self.client.send(file).await.unwrap().expect(200);
        }
    }
}

pub(super) const OWNER: &str = "isil@quattro.example";
pub(super) const BEGINNER: &str = "yeni@sirket.example";
const SUSPENDED: &str = "askida@sirket.example";
const OPERATOR: &str = "operator@tenantry.example";

async fn workspace(platform: &TestPlatform, company: &str, email: &str) -> Client {
    platform.tenant_of(company, email).await.1
}

/// By the clock of the place where companies are from.
fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::get("Europe/Istanbul").unwrap()).date()
}

/// So many days from now.
fn day(away: i64) -> String {
    today().saturating_add(away.days()).to_string()
}
