//! Names of hosts and services, asked of name servers: those of `/etc/resolv.conf`, or one that is named.
//!
//! Nothing is kept: each question goes out anew, over UDP, and over TCP where the answer is too long for that.

pub(crate) mod message;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use message::{Kind, Record, Said};

/// Where the system says whom to ask.
const SYSTEM: &str = "/etc/resolv.conf";

/// How long one server may take, and how often all are asked.
const PATIENCE: Duration = Duration::from_secs(2);
const ROUNDS: usize = 2;

/// The most servers, and domains to look in, that are heeded.
const MAX_SERVERS: usize = 3;
const MAX_DOMAINS: usize = 32;

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
    One(SocketAddr),
}

/// Whom to ask, and for which names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Conf {
    servers: Vec<SocketAddr>,
    /// Domains in which a name is looked for.
    domains: Vec<String>,
    /// A name with at least so many dots is asked as it is first.
    dots: usize,
}

/// What a name has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The name under which it was found, without a dot at its end, in lower case.
    pub(crate) name: String,
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

// === impl Resolver ===

impl Resolver {
    /// Asks `server`, or whom the system names.
    pub(crate) fn new(server: Option<SocketAddr>) -> Self {
        let servers = server.map_or_else(|| Servers::File(SYSTEM.into()), Servers::One);
        Self { servers, patience: PATIENCE }
    }

    /// What a name has, looked for in the domains of the system as it says.
    ///
    /// # Errors
    /// It has nothing, or no server can tell.
    pub(crate) async fn find(&self, name: &str, kind: Kind) -> Result<Found, Unknown> {
        let conf = match &self.servers {
            Servers::One(server) => Conf { servers: vec![*server], domains: Vec::new(), dots: 1 },
            Servers::File(path) => Conf::read(path).await?,
        };
        for name in conf.names(name) {
            let records = self.ask_all(&conf.servers, &name, kind).await?;
            if !records.is_empty() {
                return Ok(Found { name, records });
            }
        }
        Err(Unknown::Nothing(format!("`{name}` has no {kind} record")))
    }

    /// Asks one server after the other until one can tell.
    async fn ask_all(&self, servers: &[SocketAddr], name: &str, kind: Kind) -> Result<Vec<Record>, Unknown> {
        let mut why = "there is no name server".to_owned();
        for server in (0..ROUNDS).flat_map(|_| servers) {
            match timeout(self.patience, ask(*server, name, kind)).await {
                Ok(Ok(Said::Records(records))) => return Ok(records),
                Ok(Ok(Said::Failed(code))) => why = format!("{server} answers with the code {code}"),
                Ok(Ok(Said::Truncated)) => why = format!("{server} cuts its answer short"),
                Ok(Err(error)) => why = format!("{server}: {error}"),
                Err(_) => why = format!("{server} does not answer"),
            }
        }
        Err(Unknown::Silent(format!("`{name}` can't be looked up: {why}")))
    }
}

/// Asks one server, over TCP where UDP is not enough.
async fn ask(server: SocketAddr, name: &str, kind: Kind) -> io::Result<Said> {
    // Nobody else can know it.
    let id = RandomState::new().hash_one(name) as u16;
    let question = message::question(id, name, kind);
    let local: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((local, 0)).await?;
    socket.connect(server).await?;
    socket.send(&question).await?;
    let mut message = vec![0; 4096];
    let said = loop {
        let length = socket.recv(&mut message).await?;
        // Others may send something, too.
        if let Some(said) = message::answer(message.get(..length).unwrap_or_default(), id, name, kind) {
            break said;
        }
    };
    if said != Said::Truncated {
        return Ok(said);
    }
    let mut stream = TcpStream::connect(server).await?;
    stream.write_u16(u16::try_from(question.len()).unwrap_or(u16::MAX)).await?;
    stream.write_all(&question).await?;
    let mut message = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut message).await?;
    message::answer(&message, id, name, kind).ok_or_else(|| io::Error::other("it answers something else"))
}

// === impl Conf ===

impl Conf {
    async fn read(path: &Path) -> Result<Self, Unknown> {
        let text = tokio::fs::read_to_string(path).await;
        text.map(|text| Self::of(&text)).map_err(|e| Unknown::Silent(format!("{}: {e}", path.display())))
    }

    /// What the text of a `resolv.conf` says.
    fn of(text: &str) -> Self {
        let mut conf = Self { servers: Vec::new(), domains: Vec::new(), dots: 1 };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let server = words.next().and_then(|word| word.parse::<IpAddr>().ok());
                    conf.servers.extend(server.map(|ip| SocketAddr::new(ip, 53)));
                }
                // The last one counts.
                Some("search" | "domain") => {
                    let domain = |word: &str| word.strip_suffix('.').unwrap_or(word).to_owned();
                    conf.domains = words.map(domain).filter(|domain| !domain.is_empty()).take(MAX_DOMAINS).collect();
                }
                Some("options") => {
                    let dots = words.filter_map(|word| word.strip_prefix("ndots:")?.parse().ok()).next_back();
                    conf.dots = dots.unwrap_or(conf.dots);
                }
                _ => {}
            }
        }
        conf.servers.truncate(MAX_SERVERS);
        if conf.servers.is_empty() {
            conf.servers.push((Ipv4Addr::LOCALHOST, 53).into());
        }
        conf
    }

    /// The names under which `name` is looked for, in order.
    fn names(&self, name: &str) -> Vec<String> {
        let lower = name.to_ascii_lowercase();
        if let Some(absolute) = lower.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let mut names: Vec<String> = self.domains.iter().map(|domain| format!("{lower}.{domain}")).collect();
        let at = if lower.matches('.').count() >= self.dots { 0 } else { names.len() };
        names.insert(at, lower);
        names.retain(|name| message::is_name(name));
        names
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Srv => "SRV",
        })
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Nothing(why) | Self::Silent(why)) = self;
        f.write_str(why)
    }
}

#[cfg(test)]
mod tests;
