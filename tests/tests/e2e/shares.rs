//! The servers' connections, shared between processes through the platform database.

use tests::{QuietPlatform, TestSettings, shared_cluster};
use uuid::Uuid;

/// What a runtime is given that holds so many, and wants at most so many.
async fn ask(platform: &QuietPlatform, process: Uuid, held: i32, at_most: i32) -> i32 {
    let sql = "SELECT share_connections(NULL, NULL, $1, $2, $3)";
    platform.session.query_one(sql, &[&process, &held, &at_most]).await.unwrap().get(0)
}

async fn shares(platform: &QuietPlatform) -> i64 {
    let sql = "SELECT coalesce(sum(connections), 0) FROM connection_shares WHERE expires_at > now()";
    platform.session.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_shrinks_before_another_grows() {
    let platform = QuietPlatform::on(shared_cluster().await, TestSettings::default()).await;
    let usable: i32 = platform.session.query_one("SELECT usable_connections()", &[]).await.unwrap().get(0);
    let (control_plane, first, second) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let claim =
        "INSERT INTO connection_shares SELECT id, $1, 'control_plane', 17, now() + interval '1 minute' FROM servers";
    platform.session.execute(claim, &[&control_plane]).await.unwrap();
    // Kept for whoever comes next.
    let newcomer = 3;
    let rest = usable - 17 - newcomer;

    assert_eq!(ask(&platform, first, 0, i32::MAX).await, rest, "alone, it has everything");
    assert_eq!(ask(&platform, first, 0, 5).await, 5, "and no more than it may");
    assert_eq!(ask(&platform, first, 0, i32::MAX).await, rest);
    // The second comes while the first holds it all.
    assert_eq!(ask(&platform, second, 0, i32::MAX).await, newcomer, "there is nothing else left yet");
    assert_eq!(ask(&platform, first, rest, i32::MAX).await, rest / 2, "it is to shrink");
    assert_eq!(ask(&platform, second, 3, i32::MAX).await, newcomer, "what is still open counts");
    assert_eq!(ask(&platform, first, rest / 2, i32::MAX).await, rest / 2);
    assert_eq!(ask(&platform, second, 3, i32::MAX).await, rest / 2);
    assert!(shares(&platform).await <= i64::from(usable));
    // The first is gone.
    let gone = "UPDATE connection_shares SET expires_at = now() - interval '1 second' WHERE process = $1";
    platform.session.execute(gone, &[&first]).await.unwrap();
    assert_eq!(ask(&platform, second, rest / 2, i32::MAX).await, rest);
    assert_eq!(shares(&platform).await, i64::from(usable - newcomer));
    let sql = "SELECT share_connections('nowhere', 5432, $1, 0, 10)";
    let nothing: Option<i32> = platform.session.query_one(sql, &[&second]).await.unwrap().get(0);
    assert_eq!(nothing, None, "a server that nobody knows has nothing");
}
