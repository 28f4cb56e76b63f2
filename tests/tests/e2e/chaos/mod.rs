//! kill -9 at random moments, under load: of the platform, of a PostgreSQL backend, of the postmaster. Afterwards every
//! tenant is whole or gone, nothing that was answered is lost, and the doctor finds nothing.
//!
//! `TENANTRY_TEST_SEED` makes the same choices again; what happens between them is the machine's.

mod book;
mod child;
mod load;
mod stage;

use std::{collections::BTreeSet, time::Duration};

use stage::Stage;
use tests::chance::Chance;

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_is_killed_sixty_times() {
    let mut chance = Chance::from_environment(1);
    let stage = Stage::set(&chance).await;
    for _ in 0..60 {
        stage.play(&mut chance).await;
        stage.kill_platform().await;
    }
    assert_eq!(stage.end().await, BTreeSet::new(), "nobody but the control plane had to mend anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_is_killed_twenty_times() {
    let mut chance = Chance::from_environment(2);
    let stage = Stage::set(&chance).await;
    for _ in 0..20 {
        stage.play(&mut chance).await;
        stage.kill_a_backend(&mut chance).await;
        stage.is_back().await;
    }
    let asked = stage.end().await;
    assert!(asked.is_subset(&BTreeSet::from(["orphan_directory"])), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_postmaster_is_killed_twenty_times() {
    let mut chance = Chance::from_environment(3);
    let stage = Stage::set(&chance).await;
    for _ in 0..20 {
        stage.play(&mut chance).await;
        stage.cluster.kill_postmaster().await;
        // The load goes on against nothing for a moment.
        stage.play_for(Duration::from_millis(20)).await;
        stage.cluster.ensure_running().await.unwrap();
        stage.is_back().await;
    }
    let asked = stage.end().await;
    assert!(asked.is_subset(&BTreeSet::from(["orphan_directory"])), "{asked:?}");
}
