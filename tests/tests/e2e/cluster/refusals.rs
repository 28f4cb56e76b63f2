//! What is wrong is said in one sentence, with what to do.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    process::Command,
};

use tempfile::TempDir;
use tenantry::cluster::{Cluster, ClusterError, ClusterOptions};

use tests::ground::folder;

use super::number;

async fn refusal(options: ClusterOptions) -> ClusterError {
    let error = Cluster::start(options).await.expect_err("it should not have started");
    assert!(!error.to_string().contains('\n'), "one sentence: {error}");
    assert!(error.hint().is_some(), "no hint: {error}");
    error
}

#[tokio::test]
async fn two_do_not_share_a_folder() {
    let dir = folder();
    let cluster = Cluster::start(ClusterOptions::lasting(dir.path())).await.unwrap();
    let error = refusal(ClusterOptions::lasting(dir.path())).await;
    assert!(matches!(error, ClusterError::InUse { .. }), "{error}");
    assert_eq!(number(&cluster, "SELECT 1").await, 1);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn says_that_programs_are_missing() {
    let dir = folder();
    let options = ClusterOptions { binaries: Some(dir.path().into()), ..ClusterOptions::lasting(dir.path().join("d")) };
    let error = refusal(options).await;
    assert!(matches!(&error, ClusterError::BinariesIncomplete { missing, .. } if missing.len() == 2), "{error}");
    assert!(!dir.path().join("d").exists(), "nothing was made");
}

#[tokio::test]
async fn says_that_the_data_is_of_another_version() {
    let dir = folder();
    let cluster = Cluster::start(ClusterOptions::lasting(dir.path())).await.unwrap();
    let version_file = cluster.pgdata().join("PG_VERSION");
    let major = cluster.binaries().major();
    cluster.stop().await.unwrap();
    drop(cluster);
    fs::write(version_file, "12\n").unwrap();
    let error = refusal(ClusterOptions::lasting(dir.path())).await;
    assert!(
        matches!(&error, ClusterError::OtherMajorVersion { found, binaries, .. } if found == "12" && *binaries == major),
        "{error}"
    );
}

#[tokio::test]
async fn says_that_the_port_is_in_use() {
    let dir = folder();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let options = ClusterOptions { port: Some(port), ..ClusterOptions::lasting(dir.path().join("d")) };
    let error = refusal(options).await;
    assert!(matches!(error, ClusterError::PortInUse { port: p } if p == port), "{error}");
}

#[tokio::test]
async fn says_why_a_server_does_not_start() {
    let dir = folder();
    let settings = vec![("shared_buffers".into(), "nonsense".into())];
    let error = refusal(ClusterOptions { settings, ..ClusterOptions::lasting(dir.path()) }).await;
    assert!(matches!(&error, ClusterError::StartFailed { tail, .. } if tail.contains("shared_buffers")), "{error}");
}

#[tokio::test]
async fn a_throwaway_does_not_take_a_folder_with_something_in_it() {
    let dir = folder();
    let precious = dir.path().join("precious");
    fs::write(&precious, "x").unwrap();
    let error = refusal(ClusterOptions::throwaway(dir.path())).await;
    assert!(matches!(error, ClusterError::NotEmpty { .. }), "{error}");
    assert!(precious.exists());
}

/// A small file system of its own, or none where we may not mount.
struct Mounted(TempDir);

impl Mounted {
    fn with(options: &str) -> Option<Self> {
        let dir = folder();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tenantry-test"]).arg(dir.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(dir));
        }
        println!("skipped: mounting a file system is not permitted here");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn says_that_the_disk_is_full() {
    let Some(disk) = Mounted::with("size=16m,mode=0755") else { return };
    let error = refusal(ClusterOptions::lasting(disk.0.path().join("d"))).await;
    assert!(matches!(error, ClusterError::DiskFull { .. }), "{error}");
}

#[tokio::test]
async fn says_that_a_disk_filled_up() {
    let Some(disk) = Mounted::with("size=120m,mode=0755") else { return };
    let dir = disk.0.path().join("d");
    let cluster = Cluster::start(ClusterOptions::lasting(&dir)).await.unwrap();
    cluster.stop().await.unwrap();
    drop(cluster);
    let filler = disk.0.path().join("filler");
    let _ = std::io::copy(&mut std::io::repeat(0), &mut fs::File::create(&filler).unwrap());
    let error = refusal(ClusterOptions::lasting(&dir)).await;
    assert!(matches!(error, ClusterError::DiskFull { .. }), "{error}");
    fs::remove_file(filler).unwrap();
    let cluster = Cluster::start(ClusterOptions::lasting(&dir)).await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn says_that_the_disk_is_read_only() {
    let Some(disk) = Mounted::with("size=1m,ro") else { return };
    let error = refusal(ClusterOptions::lasting(disk.0.path().join("d"))).await;
    assert!(matches!(error, ClusterError::ReadOnly { .. }), "{error}");
}
