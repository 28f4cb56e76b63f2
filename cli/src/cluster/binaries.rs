//! The PostgreSQL programs on this machine: where they are, and which to use.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::ClusterError;

/// The oldest major version that Tenantry works with.
pub const OLDEST_MAJOR: u32 = 15;

/// The programs that a cluster can't do without.
const NEEDED: [&str; 2] = ["initdb", "postgres"];

/// One installation of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    dir: PathBuf,
    major: u32,
    version: String,
}

impl Binaries {
    /// Finds the installation to use: the given folder, or else the one that made the data
    /// (`data_major`), or else the one in `PATH`, or else the newest in the usual places.
    pub fn find(given: Option<&Path>, data_major: Option<u32>) -> Result<Self, ClusterError> {
        if let Some(given) = given {
            return Self::given(given);
        }
        let places = places();
        let found = places.iter().filter(|dir| missing_in(dir).is_empty()).filter_map(|dir| Self::at(dir).ok());
        choose(found.collect(), data_major, places)
    }

    /// The folder of the programs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The major version, such as 15.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// The version as the server says it, such as `15.14`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The path of a program of this installation, such as `pg_dump`; it may not be installed.
    pub fn tool(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn given(given: &Path) -> Result<Self, ClusterError> {
        let inner = given.join("bin");
        let dir = if inner.join("postgres").is_file() { inner } else { given.to_path_buf() };
        let dir = fs::canonicalize(&dir).unwrap_or(dir);
        let missing = missing_in(&dir);
        if !missing.is_empty() {
            return Err(ClusterError::BinariesIncomplete { dir, missing });
        }
        Self::at(&dir)?.recent_enough()
    }

    fn at(dir: &Path) -> Result<Self, ClusterError> {
        let program = dir.join("postgres");
        let unusable = |source| ClusterError::ProgramUnusable { program: program.clone(), user: None, source };
        let output = Command::new(&program).arg("--version").output().map_err(unusable)?;
        let said = String::from_utf8_lossy(&output.stdout);
        let (major, version) = parse_version(&said)
            .ok_or_else(|| unusable(std::io::Error::other(format!("it does not tell its version, but: {said}"))))?;
        Ok(Self { dir: dir.to_path_buf(), major, version })
    }

    fn recent_enough(self) -> Result<Self, ClusterError> {
        if self.major < OLDEST_MAJOR {
            return Err(ClusterError::BinariesTooOld { dir: self.dir, version: self.version });
        }
        Ok(self)
    }
}

/// Chooses among installations in their order of preference. Data can only be read by the
/// version that made it, so that one goes before any other.
fn choose(
    mut found: Vec<Binaries>,
    data_major: Option<u32>,
    looked_in: Vec<PathBuf>,
) -> Result<Binaries, ClusterError> {
    let wanted = found.iter().position(|one| Some(one.major) == data_major);
    let usable = wanted.or_else(|| found.iter().position(|one| one.major >= OLDEST_MAJOR));
    if found.is_empty() {
        return Err(ClusterError::BinariesNotFound { looked_in });
    }
    // The first one at least tells what is wrong with it.
    found.swap_remove(usable.unwrap_or(0)).recent_enough()
}

/// The folders to look in, the preferred first.
fn places() -> Vec<PathBuf> {
    let path: Vec<PathBuf> = env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    let mut places: Vec<PathBuf> = path.iter().filter_map(|dir| server_dir(dir)).collect();
    if let Some(program) = path.iter().map(|dir| dir.join("pg_config")).find(|program| program.is_file())
        && let Ok(output) = Command::new(program).arg("--bindir").output()
        && output.status.success()
    {
        places.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    places.extend(versioned("/usr/lib/postgresql", ""));
    places.extend(versioned("/usr", "pgsql-"));
    places.push("/usr/local/pgsql/bin".into());
    let mut seen = BTreeSet::new();
    places.retain(|dir| seen.insert(dir.clone()));
    places
}

/// The real folder of the server that `dir` offers, which may be by a link to it alone.
fn server_dir(dir: &Path) -> Option<PathBuf> {
    let real = fs::canonicalize(dir.join("postgres")).ok()?;
    Some(real.parent()?.to_path_buf())
}

/// `root/{prefix}{number}/bin` for every number, the highest first.
fn versioned(root: &str, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let number = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((number, entry.path().join("bin")))
        })
        .collect();
    found.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    if found.is_empty() && prefix.is_empty() {
        return vec![Path::new(root).join("*/bin")];
    }
    found.into_iter().map(|(_, dir)| dir).collect()
}

fn missing_in(dir: &Path) -> Vec<&'static str> {
    NEEDED.into_iter().filter(|name| !dir.join(name).is_file()).collect()
}

/// `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` is `(15, "15.14")`.
fn parse_version(said: &str) -> Option<(u32, String)> {
    let version = said.split_once("(PostgreSQL)")?.1.split_whitespace().next()?;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    Some((version[..digits].parse().ok()?, version.to_owned()))
}

/// Paths in one line, for a message.
pub(super) fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(major: u32) -> Binaries {
        Binaries { dir: format!("/pg/{major}/bin").into(), major, version: format!("{major}.1") }
    }

    #[test]
    fn reads_versions_of_releases_packages_and_betas() {
        let debian = "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n";
        assert_eq!(parse_version(debian), Some((15, "15.14".into())));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1"), Some((18, "18beta1".into())));
        assert_eq!(parse_version("postgres (PostgreSQL) 9.6.24"), Some((9, "9.6.24".into())));
        assert_eq!(parse_version("bash 5.2"), None);
        assert_eq!(parse_version("postgres (PostgreSQL) next"), None);
    }

    #[test]
    fn prefers_the_version_that_made_the_data_then_the_order() {
        let chosen = |majors: &[u32], data| choose(majors.iter().copied().map(version).collect(), data, vec![]);
        let major = |majors: &[u32], data| chosen(majors, data).map(|one| one.major()).ok();
        assert_eq!(major(&[17, 16, 15], None), Some(17));
        assert_eq!(major(&[17, 16, 15], Some(15)), Some(15));
        assert_eq!(major(&[17, 16, 15], Some(99)), Some(17));
        assert_eq!(major(&[13, 16], None), Some(16));
    }

    #[test]
    fn says_what_is_wrong_with_what_it_found() {
        let old = choose(vec![version(14), version(13)], Some(13), vec![]);
        assert!(matches!(old, Err(ClusterError::BinariesTooOld { version, .. }) if version == "13.1"));
        let none = choose(vec![], None, vec!["/pg".into()]);
        assert!(matches!(none, Err(ClusterError::BinariesNotFound { looked_in }) if looked_in.len() == 1));
    }
}
