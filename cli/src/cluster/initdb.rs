//! Makes a new data directory.

use std::{
    fs::{self, DirBuilder, File},
    os::unix::fs::DirBuilderExt,
    path::Path,
    process::{Command, Output, Stdio},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    ClusterError,
    account::Account,
    binaries::Binaries,
    home::{self, Home},
    postmaster,
    watchdog::Watchdog,
};

/// Makes the data directory of `home` if it has none. It is made beside its place and moved there
/// when it is whole, so that no interruption leaves half of one.
pub(super) async fn ensure(
    home: &Home,
    binaries: &Binaries,
    account: Option<&Account>,
    watchdog: &mut Watchdog,
) -> Result<(), ClusterError> {
    remove_unfinished(home.dir());
    let pgdata = home.pgdata();
    if pgdata.join("PG_VERSION").is_file() {
        return Ok(());
    }
    let password = random()?;
    let workshop = home.dir().join(format!("init-{}", random()?));
    let failed = |source| ClusterError::io("make", &workshop, source);
    DirBuilder::new().mode(0o700).create(&workshop).map_err(failed)?;
    let password_file = workshop.join("password");
    home::write_private(&password_file, &password)?;
    if let Some(account) = account {
        account.own(&password_file)?;
        account.own(&workshop)?;
    }
    let new = workshop.join("pgdata");
    let mut output = run(binaries, account, watchdog, home, &new, locale(binaries.major())).await?;
    if !output.status.success() && text_of(&output).contains("locale") {
        output = run(binaries, account, watchdog, home, &new, &["--locale=C"]).await?;
    }
    if !output.status.success() {
        let text = text_of(&output);
        let _ = fs::remove_dir_all(&workshop);
        let unknown = || ClusterError::InitFailed { output: postmaster::last_lines(&text, 5) };
        return Err(ClusterError::from_output(&text, &pgdata, 0).unwrap_or_else(unknown));
    }
    home.keep_password(&password)?;
    // What is in the way has no PG_VERSION, so it never was a cluster of ours; an empty folder only.
    let _ = fs::remove_dir(&pgdata);
    fs::rename(&new, &pgdata).map_err(|source| ClusterError::io("make", &pgdata, source))?;
    let synced = File::open(home.dir()).and_then(|dir| dir.sync_all());
    synced.map_err(|source| ClusterError::io("write", home.dir(), source))?;
    let _ = fs::remove_dir_all(&workshop);
    Ok(())
}

async fn run(
    binaries: &Binaries,
    account: Option<&Account>,
    watchdog: &mut Watchdog,
    home: &Home,
    new: &Path,
    locale: &[&str],
) -> Result<Output, ClusterError> {
    let program = binaries.tool("initdb");
    let mut command = Command::new(&program);
    command.arg("--pgdata").arg(new);
    command.arg("--pwfile").arg(new.with_file_name("password"));
    command.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8"]).args(locale);
    if !home.disposable().is_empty() {
        command.arg("--no-sync");
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    postmaster::detach(&mut command, account);
    let unusable = |source| ClusterError::ProgramUnusable {
        program: program.clone(),
        user: account.map(|account| account.name.clone()),
        source,
    };
    let child = tokio::process::Command::from(command).spawn().map_err(unusable)?;
    watchdog.watch(child.id());
    let output = child.wait_with_output().await.map_err(unusable)?;
    watchdog.watch(None);
    Ok(output)
}

/// Code-point order everywhere: the machine's own locale would make sorting, and with it indexes,
/// depend on the version of its C library.
fn locale(major: u32) -> &'static [&'static str] {
    if major >= 17 {
        &["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    } else {
        &["--locale=C.UTF-8"]
    }
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn remove_unfinished(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("init-") {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn random() -> Result<String, ClusterError> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).map_err(|error| {
        let source = std::io::Error::other(error.to_string());
        ClusterError::io("get random bytes from", Path::new("the operating system"), source)
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
