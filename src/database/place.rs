//! Whether the files of a SQLite database are still where they were opened.
//!
//! A file that is removed or replaced lives on for whoever has it open: everything would be
//! written, acknowledged, and gone with the process.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use sea_orm::DbErr;

/// The database and its write-ahead log, where they were when they were opened.
pub(super) struct Place(Vec<(PathBuf, Identity)>);

/// What tells a file from all others that are there at the same time.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let file = fs::metadata(path)?;
        Ok(Self { device: file.dev(), inode: file.ino() })
    }
}

impl Place {
    /// Where the files of an open database are.
    pub(super) fn of(database: &Path) -> io::Result<Self> {
        let beside = |end: &str| {
            let mut name = OsString::from(database);
            name.push(end);
            PathBuf::from(name)
        };
        // Without the shared index another process would make itself one, and the two would write
        // over each other.
        let files = [database.to_owned(), beside("-wal"), beside("-shm")].into_iter();
        let files = files.map(|path| Identity::of(&path).map(|identity| (path, identity)));
        files.collect::<io::Result<_>>().map(Self)
    }

    /// Whether they are there still, and are the same.
    pub(super) fn check(&self) -> Result<(), DbErr> {
        for (path, opened) in &self.0 {
            if Identity::of(path).ok().as_ref() != Some(opened) {
                let name = path.file_name().unwrap_or_default().display();
                return Err(DbErr::Custom(format!(
                    "{name} was removed or replaced since it was opened: put the files back where they were, or restart the gateway to use what is there now"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_removed_or_replaced_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.db"), "").expect("written");
        assert!(Place::of(&at("a.db")).is_err(), "its log is missing");
        fs::write(at("a.db-wal"), "").expect("written");
        fs::write(at("a.db-shm"), "").expect("written");
        let place = Place::of(&at("a.db")).expect("both are there");
        for name in ["a.db", "a.db-wal", "a.db-shm"] {
            assert_eq!(place.check(), Ok(()));
            fs::rename(at(name), at("away")).expect("moved");
            assert!(place.check().is_err_and(|error| error.to_string().contains(name)));
            fs::write(at(name), "").expect("replaced");
            assert!(place.check().is_err(), "another {name}");
            fs::rename(at("away"), at(name)).expect("back");
        }
        assert_eq!(place.check(), Ok(()));
    }
}
