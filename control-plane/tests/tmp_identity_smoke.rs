use actix_web::{
    App,
    http::StatusCode,
    test,
    web::{self, Data},
};
use control_plane::{
    audit::Origin,
    identity::{self, *},
    mail::{self, *},
    platform,
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tenancy::secrets::MasterKey;
use tenancy::*;

macro_rules! call {
    ($app:expr, $m:expr, $p:expr, $token:expr, $body:expr $(,)?) => {{
        let mut r =
            test::TestRequest::with_uri($p).method($m.parse().unwrap()).peer_addr("127.0.0.1:1".parse().unwrap());
        let token: Option<&str> = $token;
        let body: Option<Value> = $body;
        if let Some(t) = token {
            r = r.insert_header(("Authorization", format!("Bearer {t}")));
        }
        if let Some(b) = body {
            r = r.set_json(b);
        }
        let res = test::call_service($app, r.to_request()).await;
        let s: StatusCode = res.status();
        let b = test::read_body(res).await;
        (s, serde_json::from_slice::<Value>(&b).unwrap_or(Value::Null))
    }};
}
#[actix_web::test]
async fn smoke() {
    let config =
        tenancy::postgres::parse_url("postgres://postgres@127.0.0.1:54999/platform?sslmode=disable", "smoke").unwrap();
    let mut c = tenancy::postgres::connect(&config).await.unwrap();
    platform::migrations().run(&mut c, None).await.unwrap();
    c.batch_execute("TRUNCATE users, tenants, servers, attempts, audit_log, token_keys CASCADE").await.unwrap();
    let pool = platform::pool(&config, 8).unwrap();
    let master = Arc::new(MasterKey::parse(&MasterKey::generate().unwrap()).unwrap());
    let bell = Bell::default();
    let ident = Identity::new(pool.clone(), &master, bell.clone(), identity::Settings::default());
    ident.publish().await.unwrap();
    ident.tend().await.unwrap();
    let email = EmailAddress::parse("root@example.com").unwrap();
    assert!(
        ident
            .create_super_admin(email.clone(), "Root", Password::parse("correct horse".into(), None).ok().unwrap())
            .await
            .unwrap()
    );
    assert!(
        !ident
            .create_super_admin(email.clone(), "Root", Password::parse("correct horse".into(), None).ok().unwrap())
            .await
            .unwrap()
    );
    // a tenant
    let (t, t2, u) = (TenantId::generate(), TenantId::generate(), UserId::generate());
    let srv = tenancy::ids::ServerId::generate();
    c.execute("INSERT INTO servers (id,name,is_platform) VALUES ($1,'a',true)", &[&srv]).await.unwrap();
    {
        let mut db = pool.get().await.unwrap();
        let tx = db.transaction().await.unwrap();
        let hash = ident.passwords().hash(Password::parse("hunter hunter".into(), None).ok().unwrap()).await.unwrap();
        insert_user(
            &tx,
            &NewUser {
                id: u,
                email: EmailAddress::parse("ayse@example.com").unwrap(),
                name: "Ayşe".into(),
                password_hash: Some(hash),
                verified: false,
                super_admin: false,
                language: Language::Turkish,
            },
        )
        .await
        .unwrap();
        for (id, slug) in [(t, "acme"), (t2, "beta")] {
            tx.execute("INSERT INTO tenants (id,slug,name,status,server_id,database_name,schema_version,owner_id) VALUES ($1,$2,$2,'trial',$3,$2,1,$4)", &[&id, &slug, &srv, &u]).await.unwrap();
        }
        tx.execute(
            "INSERT INTO memberships (tenant_id,user_id,role,status) VALUES ($1,$2,'owner','active')",
            &[&t, &u],
        )
        .await
        .unwrap();
        mail::enqueue(&tx, Template::VerifyEmail, u, Some(t)).await.unwrap();
        mail::enqueue(&tx, Template::Welcome, u, Some(t)).await.unwrap();
        tx.commit().await.unwrap();
        let e = insert_user(
            &db,
            &NewUser {
                id: UserId::generate(),
                email: EmailAddress::parse("ayse@example.com").unwrap(),
                name: "x".into(),
                password_hash: None,
                verified: false,
                super_admin: false,
                language: Language::English,
            },
        )
        .await
        .unwrap_err();
        assert!(e.violates(EMAIL_IS_UNIQUE));
    }
    let dir = std::path::PathBuf::from("/tmp/idsmoke-mail");
    let _ = std::fs::remove_dir_all(&dir);
    let mailer = Mailer::new(pool.clone(), Transport::folder(&dir), &mail::Settings::default(), bell.clone()).unwrap();
    assert_eq!(mailer.send_batch().await.unwrap(), 2);
    mailer.tend().await.unwrap();
    let guard = guarded(ident.clone());
    let app = test::init_service(
        App::new()
            .app_data(Data::new(ident.clone()))
            .app_data(tenancy::http::json_config())
            .configure(|cfg| tenancy::http::register(cfg, "", &identity::routes(), guard)),
    )
    .await;
    let (s, b) = call!(
        &app,
        "POST",
        "/api/auth/login",
        None,
        Some(json!({"email":"AYSE@example.com","password":"hunter hunter"})),
    );
    println!("{s} {b}");
    assert_eq!(s, 200);
    assert_eq!(b["tenant"]["slug"], "acme");
    assert_eq!(b["tenants"].as_array().unwrap().len(), 1);
    let (at, rt) = (b["access_token"].as_str().unwrap().to_owned(), b["refresh_token"].as_str().unwrap().to_owned());
    let (s, b) = call!(&app, "GET", "/api/auth/me", Some(&at), None);
    println!("{s} {b}");
    assert_eq!(s, 200);
    let (s, b) = call!(&app, "GET", "/api/auth/me", None, None);
    println!("{s} {b}");
    assert_eq!(s, 401);
    let (s, b) = call!(
        &app,
        "POST",
        "/api/auth/login",
        None,
        Some(json!({"email":"ayse@example.com","password":"hunter hunter","tenant_slug":"beta"})),
    );
    println!("{b}");
    assert_eq!(b["code"], "TENANT_ACCESS_DENIED");
    assert_eq!(s, 403);
    let (_, b) = call!(&app, "POST", "/api/auth/switch", Some(&at), Some(json!({"tenant_slug":"beta"})));
    assert_eq!(b["code"], "TENANT_ACCESS_DENIED");
    let (s, b) = call!(&app, "POST", "/api/auth/switch", Some(&at), Some(json!({"tenant_slug":"acme"})));
    assert_eq!(s, 200, "{b}");
    let (s, b) = call!(&app, "POST", "/api/auth/login", None, Some(json!({"email":"ayse@example.com","pasword":"x"})));
    println!("{s} {b}");
    assert_eq!(s, 400);
    // refresh
    let (s, b) = call!(&app, "POST", "/api/auth/refresh", None, Some(json!({"refresh_token":rt})));
    assert_eq!(s, 200, "{b}");
    let rt2 = b["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(b["tenant"]["slug"], "acme");
    let (s, _) = call!(&app, "POST", "/api/auth/refresh", None, Some(json!({"refresh_token":rt})));
    assert_eq!(s, 401);
    let (s, _) = call!(&app, "POST", "/api/auth/refresh", None, Some(json!({"refresh_token":rt2})));
    assert_eq!(s, 401, "the family is ended");
    // concurrent rotation: of 8 at once at most one wins
    let (_, b) = call!(
        &app,
        "POST",
        "/api/auth/login",
        None,
        Some(json!({"email":"ayse@example.com","password":"hunter hunter"})),
    );
    let rt = b["refresh_token"].as_str().unwrap().to_owned();
    let o = Origin::default();
    let results = futures_util::future::join_all((0..8).map(|_| ident.refresh(&rt, &o))).await;
    assert!(results.iter().filter(|r| r.is_ok()).count() == 1);
    let left: i64 = c.query_one("SELECT count(*) FROM tokens WHERE kind='refresh' AND family IS NOT NULL AND used_at IS NULL AND tenant_id=$1", &[&t]).await.unwrap().get(0);
    println!("left {left}"); // only switch's
    // wrong membership version
    c.execute("UPDATE memberships SET version = 2", &[]).await.unwrap();
    let (s, b) = call!(&app, "GET", "/api/auth/me", Some(&at), None);
    println!("{b}");
    assert_eq!(s, 401);
    // forgot
    let (s, _) = call!(&app, "POST", "/api/auth/password/forgot", None, Some(json!({"email":"ayse@example.com"})));
    assert_eq!(s, 202);
    let (s, _) = call!(&app, "POST", "/api/auth/password/forgot", None, Some(json!({"email":"nobody@example.com"})));
    assert_eq!(s, 202);
    assert_eq!(mailer.send_batch().await.unwrap(), 1);
    let mut files: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let text = std::fs::read_to_string(files.last().unwrap()).unwrap();
    println!("{text}");
    let text = text.replace("=\r\n", "").replace("=3D", "=");
    let tok = text.split("/password?token=").nth(1).unwrap()[..43].to_owned();
    let (s, b) = call!(&app, "POST", "/api/auth/password", None, Some(json!({"token":tok,"password":"short"})));
    println!("{b}");
    assert_eq!(s, 422);
    let (s, b) =
        call!(&app, "POST", "/api/auth/password", None, Some(json!({"token":tok,"password":"a brand new one"})));
    println!("{b}");
    assert_eq!(s, 200);
    let (s, _) =
        call!(&app, "POST", "/api/auth/password", None, Some(json!({"token":tok,"password":"a brand new one"})));
    assert_eq!(s, 422);
    let (s, b) = call!(
        &app,
        "POST",
        "/api/auth/login",
        None,
        Some(json!({"email":"ayse@example.com","password":"a brand new one"})),
    );
    assert_eq!(s, 200);
    assert_eq!(b["user"]["email_verified"], true);
    let (s, _) = call!(&app, "POST", "/api/auth/logout", None, Some(json!({"refresh_token":b["refresh_token"]})));
    assert_eq!(s, 204);
    // verify token from the first mail (used by owner)
    let first: Vec<String> =
        files.iter().map(|f| std::fs::read_to_string(f).unwrap().replace("=\r\n", "").replace("=3D", "=")).collect();
    let vt = first.iter().find_map(|m| m.split("&token=").nth(1).map(|r| r[..43].to_owned())).unwrap();
    assert!(ident.verify_email(&vt, t2, &o).await.is_err());
    println!("verify {:?}", ident.verify_email(&vt, t, &o).await.map(|_| ()));
    println!("again {:?}", ident.verify_email(&vt, t, &o).await.map(|_| ()));
    // throttle
    let mut codes = vec![];
    for _ in 0..12 {
        codes.push(
            call!(
                &app,
                "POST",
                "/api/auth/login",
                None,
                Some(json!({"email":"ayse@example.com","password":"wrong wrong"})),
            )
            .0
            .as_u16(),
        );
    }
    println!("{codes:?}");
    assert_eq!(codes, [[401u16; 10].as_slice(), &[429, 429]].concat());
    let (s, b) = call!(&app, "GET", "/.well-known/jwks.json", None, None);
    println!("{s} {b}");
    ident.tend().await.unwrap();
    for r in c.query("SELECT action, actor, address, details::text FROM audit_log ORDER BY at", &[]).await.unwrap() {
        println!(
            "{} {} {:?} {}",
            r.get::<_, String>(0),
            r.get::<_, String>(1),
            r.get::<_, Option<String>>(2),
            r.get::<_, String>(3)
        );
    }
    let _ = (web::to(|| async { "" }), Duration::from_secs(1));
}
