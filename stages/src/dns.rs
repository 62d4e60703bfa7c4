//! Names of hosts and services, asked of name servers: those of `/etc/resolv.conf`, or one that is named.
//!
//! Nothing is kept: each question goes out anew, over UDP, and over TCP where the answer is too long for that.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::parse_resolv_conf;

/// Where the system says whom to ask.
const SYSTEM: &str = "/etc/resolv.conf";

/// How long one server may take, and how often it is asked again.
const PATIENCE: Duration = Duration::from_secs(2);
const RETRIES: usize = 1;

/// The longest name, and the longest part of one, in bytes.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// Asks name servers.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    servers: Servers,
    patience: Duration,
}

#[derive(Clone, Debug)]
enum Servers {
    /// A file like `/etc/resolv.conf`, which is read each time.
    File(PathBuf),
    These(Vec<SocketAddr>),
}

/// What is asked of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Hosts and ports of a service.
    Srv,
}

/// What a name has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Record {
    Address(IpAddr),
    /// The host as an absolute name, in lower case and without its last dot.
    Service {
        host: String,
        port: u16,
    },
}

/// All that a name has of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The name under which it was found, without a dot at its end, in lower case.
    pub(crate) name: String,
    /// Sorted, each once.
    pub(crate) records: Vec<Record>,
}

/// Why nothing is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// Servers say that it has nothing.
    Nothing(String),
    /// No server can tell.
    Silent(String),
}

/// Whether this can be asked: parts of 1 to 63 letters, digits, `-` and `_` with a dot between them, and maybe one at the end.
pub(crate) fn is_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    let label = |label: &str| (1..=MAX_LABEL).contains(&label.len()) && label.bytes().all(plain);
    name.len() <= MAX_NAME && name.split('.').all(label)
}

// === impl Resolver ===

impl Resolver {
    /// Asks `server`, or whom the system names.
    pub(crate) fn new(server: Option<SocketAddr>) -> Self {
        let servers = server.map_or_else(|| Servers::File(SYSTEM.into()), |server| Servers::These(vec![server]));
        Self { servers, patience: PATIENCE }
    }

    /// What a name has, looked for in the domains of the system as it says.
    ///
    /// # Errors
    /// It has nothing, or no server can tell.
    pub(crate) async fn find(&self, name: &str, kind: Kind) -> Result<Found, Unknown> {
        let silent = |name: &dyn fmt::Display, e| Unknown::Silent(format!("`{name}` can't be looked up: {e}"));
        let (config, mut options) = match &self.servers {
            Servers::These(servers) => (these(servers), ResolverOpts::default()),
            Servers::File(path) => read(path).await?,
        };
        let names = names(&config, options.ndots, name);
        (options.timeout, options.attempts) = (self.patience, RETRIES);
        // What is said now is what counts, and what name servers say.
        (options.cache_size, options.use_hosts_file) = (0, ResolveHosts::Never);
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let resolver = builder.with_options(options).build().map_err(|e| silent(&name, e))?;
        for name in names {
            // An absolute one each: a server that can't tell of the first is not to be taken for one that has nothing.
            let records = ask(&resolver, &name, kind).await.map_err(|e| silent(&name, e))?;
            if !records.is_empty() {
                return Ok(Found { name, records });
            }
        }
        Err(Unknown::Nothing(format!("`{name}` has no {kind} record")))
    }
}

/// All that an absolute name has, which may be nothing.
async fn ask(resolver: &TokioResolver, name: &str, kind: Kind) -> Result<Vec<Record>, NetError> {
    let mut absolute = Name::from_str_relaxed(name)?;
    absolute.set_fqdn(true);
    let lookup = match resolver.lookup(absolute, kind.into()).await {
        Ok(lookup) => lookup,
        Err(NetError::Dns(DnsError::NoRecordsFound(_))) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    // Aliases are there, too.
    let mut records: Vec<Record> = lookup.answers().iter().filter_map(|record| Record::of(&record.data)).collect();
    records.sort_unstable();
    records.dedup();
    Ok(records)
}

/// These servers, and no domains.
fn these(servers: &[SocketAddr]) -> ResolverConfig {
    let server = |server: &SocketAddr| {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = server.port();
            connection
        });
        NameServerConfig::new(server.ip(), true, connections.into())
    };
    ResolverConfig::from_name_servers(servers.iter().map(server).collect())
}

/// What a file like `/etc/resolv.conf` says.
async fn read(path: &Path) -> Result<(ResolverConfig, ResolverOpts), Unknown> {
    let silent = |e: &dyn fmt::Display| Unknown::Silent(format!("{}: {e}", path.display()));
    let text = tokio::fs::read(path).await.map_err(|e| silent(&e))?;
    parse_resolv_conf(text).map_err(|e| silent(&e))
}

/// The names under which `name` is looked for, in order: with at least `dots` dots it is asked as it is first.
fn names(config: &ResolverConfig, dots: usize, name: &str) -> Vec<String> {
    let lower = name.to_ascii_lowercase();
    if let Some(absolute) = lower.strip_suffix('.') {
        return vec![absolute.to_owned()];
    }
    let domain = |domain: &Name| format!("{lower}.{}", plain(domain));
    let mut names: Vec<String> = config.search().iter().map(domain).collect();
    let at = if lower.matches('.').count() >= dots { 0 } else { names.len() };
    names.insert(at, lower);
    names.retain(|name| is_name(name));
    names
}

/// A name in lower case, without a dot at its end.
fn plain(name: &Name) -> String {
    let name = name.to_lowercase().to_ascii();
    name.strip_suffix('.').unwrap_or(&name).to_owned()
}

// === impl Record ===

impl Record {
    /// `None` of another kind.
    fn of(data: &RData) -> Option<Self> {
        match data {
            RData::A(ip) => Some(Self::Address(ip.0.into())),
            RData::AAAA(ip) => Some(Self::Address(ip.0.into())),
            // Priority and weight do not count: all members are alike.
            RData::SRV(service) => Some(Self::Service { host: plain(&service.target), port: service.port }),
            _ => None,
        }
    }
}

// === impl Kind ===

impl From<Kind> for RecordType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::A => Self::A,
            Kind::Aaaa => Self::AAAA,
            Kind::Srv => Self::SRV,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RecordType::from(*self).fmt(f)
    }
}

// === impl Unknown ===

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Nothing(why) | Self::Silent(why)) = self;
        f.write_str(why)
    }
}

#[cfg(test)]
mod tests;
