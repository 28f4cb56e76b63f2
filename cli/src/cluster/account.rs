//! The user that the server runs as: PostgreSQL refuses to run as root.

use std::{
    fs,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use super::ClusterError;

/// An unprivileged user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// The user to run as, or none where the present one will do.
    pub(super) fn for_server(pgdata: Option<&Path>) -> Result<Option<Self>, ClusterError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        // Data made by an ordinary user stays that user's, when root starts it once.
        if let Some(owner) = pgdata.and_then(|pgdata| fs::metadata(pgdata).ok()).filter(|owner| owner.uid() != 0) {
            let (uid, gid) = (owner.uid(), owner.gid());
            return Ok(Some(Self { name: format!("number {uid}"), uid, gid }));
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| Self::in_passwd(&users, name))
            .map(Some)
            .ok_or(ClusterError::NoUnprivilegedUser)
    }

    /// Makes `command` run as this user.
    pub(super) fn apply(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Gives this user a file or folder.
    pub(super) fn own(&self, path: &Path) -> Result<(), ClusterError> {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
            .map_err(|source| ClusterError::io("change the owner of", path, source))
    }

    /// Whether this user may pass through every folder down to and into `dir`.
    pub(super) fn can_reach(&self, dir: &Path) -> bool {
        let above: Vec<PathBuf> = dir.ancestors().map(Path::to_path_buf).collect();
        above.iter().all(|dir| {
            fs::metadata(dir).is_ok_and(|meta| may_enter(meta.mode(), meta.uid(), meta.gid(), self.uid, self.gid))
        })
    }

    fn in_passwd(users: &str, name: &str) -> Option<Self> {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            if fields.next()? != name {
                return None;
            }
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            (uid != 0).then(|| Self { name: name.to_owned(), uid, gid })
        })
    }
}

fn may_enter(mode: u32, owner: u32, group: u32, uid: u32, gid: u32) -> bool {
    let bit = if uid == owner {
        0o100
    } else if gid == group {
        0o010
    } else {
        0o001
    };
    mode & bit != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_users_and_never_takes_root() {
        let users = "root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\nbad\nfake:x:0:0::/:/bin/sh\n";
        let found = Account::in_passwd(users, "postgres").map(|found| (found.uid, found.gid));
        assert_eq!(found, Some((101, 104)));
        assert_eq!(Account::in_passwd(users, "nobody"), None);
        assert_eq!(Account::in_passwd(users, "fake"), None);
    }

    #[test]
    fn asks_the_bit_that_counts() {
        assert!(may_enter(0o755, 0, 0, 101, 104));
        assert!(!may_enter(0o700, 0, 0, 101, 104));
        assert!(may_enter(0o700, 101, 0, 101, 104));
        assert!(may_enter(0o710, 0, 104, 101, 104));
        assert!(!may_enter(0o701, 0, 104, 101, 104));
    }
}
