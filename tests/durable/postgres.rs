//! A PostgreSQL that may be stopped: one of a test's own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::support::is_root;

/// Ports from which the system gives none to outgoing connections: one that is free stays so.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A server with its data in a folder of its own, on a free port of loopback.
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    options: &'static str,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.control(&["stop", "-m", "immediate"]);
    }
}

impl Cluster {
    /// Makes one and starts it, with these options of its own.
    pub(crate) fn start(options: &'static str) -> Self {
        let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
        let programs = versions.map(|version| version.unwrap().path().join("bin")).max().unwrap();
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            // PostgreSQL refuses to run as root.
            run(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let mut ports = std::iter::repeat_with(|| rand::random_range(PORTS)).take(100);
        let port = ports.find(is_free).expect("a free port");
        let cluster = Self { programs, folder, port, options };
        let mut make = cluster.command("initdb");
        make.args(["-U", "gateway", "--auth=trust", "-E", "UTF8", "--locale=C", "-N"]);
        assert!(run(&mut make), "initdb");
        cluster.go_on();
        cluster
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://gateway@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops it as a crash would.
    pub(crate) fn crash(&self) {
        assert!(self.control(&["stop", "-m", "immediate"]), "it stops");
    }

    /// Starts it again.
    pub(crate) fn go_on(&self) {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories= {}",
            self.port, self.options
        );
        let log = self.folder.path().join("log");
        let log = log.to_str().expect("a name");
        let starts = self.control(&["start", "-t", "30", "-l", log, "-o", &options]);
        assert!(starts, "{}", std::fs::read_to_string(log).unwrap_or_default());
    }

    fn control(&self, arguments: &[&str]) -> bool {
        run(self.command("pg_ctl").arg("-w").args(arguments))
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.arg("-D").arg(data(self.folder.path())).current_dir("/");
        command
    }
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

fn run(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}
