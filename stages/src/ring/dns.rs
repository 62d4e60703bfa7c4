//! Members that name servers name: the targets of SRV records, or all addresses of a host.
//!
//! A member's name must outlive its address, since it says which partitions a member has. The target of an SRV record is
//! called by what stands before the service's own domain: `store-0.stores.example.svc` of `_weir._tcp.stores.example.svc`
//! is `store-0`, wherever it runs. Where there are addresses alone they are the names.

mod watch;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::Arc;

use serde::Deserialize;
use weir_pipeline::units::Span;
use weir_pipeline::{Context, Error, Pattern, Rehearsal, Result};

use super::{Layout, Member, OpenRing, Shape, Shards};
use crate::dns::{Found, Kind, Record, Resolver, Unknown, is_name};

/// Members that name servers name.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Dns {
    names: Vec<Name>,
    read_port: Option<NonZeroU16>,
    zone: Option<Pattern>,
    pace: watch::Pace,
    server: Option<SocketAddr>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// What is looked up: a service with SRV records, such as `_weir._tcp.stores.example.svc`, whose targets are the members;
    /// or a host and a port, such as `stores.example.svc:19391`, whose addresses are. All of all names are members.
    names: Vec<Name>,
    /// The port on which members answer other nodes' questions for samples. Default: they answer none.
    #[serde(default)]
    read_port: Option<NonZeroU16>,
    /// A regular expression for a member's whole name, whose first group is its zone: `store-([a-z]+)-\d+`. Default: none.
    #[serde(default)]
    zone: Option<String>,
    /// How often names are looked up; above 0. Default `10s`.
    #[serde(default = "default_interval")]
    interval: Span,
    /// For how long names must say the same before batches go by it. Who queries goes by it after half of that: within it
    /// a change must come to all nodes. Not less than twice `interval`, or `0s`. Default `1m`.
    #[serde(default = "default_settle")]
    settle: Span,
    /// The name server, address and port. Default: those that `/etc/resolv.conf` names.
    #[serde(default)]
    server: Option<String>,
}

/// What is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
enum Name {
    /// SRV records.
    Service(String),
    /// Addresses, all with this port.
    Host(String, u16),
}

/// Looks up all names.
pub(super) struct Names {
    dns: Dns,
    resolver: Resolver,
}

fn default_interval() -> Span {
    Span::from_secs(10)
}

fn default_settle() -> Span {
    Span::from_secs(60)
}

// === impl Dns ===

impl TryFrom<Fields> for Dns {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let Fields { names, read_port, zone, interval, settle, server } = fields;
        if names.is_empty() {
            return Err("expected at least one name in `names`, got none".into());
        }
        if interval.get().is_zero() {
            return Err(format!("expected `interval` above 0, got `{interval}`"));
        }
        if !settle.get().is_zero() && settle.get() < interval.get().saturating_mul(2) {
            return Err(format!("expected `settle` of at least twice `interval`, got `{settle}` and `{interval}`"));
        }
        let zone = zone.map(|zone| Pattern::new(&zone).map_err(|e| format!("zone: {e}"))).transpose()?;
        let address = |text: String| {
            text.parse().map_err(|_| format!("expected an address and a port such as `10.96.0.10:53`, got `{text}`"))
        };
        let server = server.map(address).transpose()?;
        let pace = watch::Pace { interval: interval.get(), settle: settle.get() };
        Ok(Self { names, read_port, zone, pace, server })
    }
}

impl Dns {
    /// Waits until the names say the same for a while, and goes on to look.
    pub(super) async fn open(self, shape: Shape, shards: Shards, context: &Context) -> Result<Arc<OpenRing>> {
        if context.value::<Rehearsal>().is_some() {
            let layout = rehearsed(shape).and_then(|layout| layout.sharded(shards));
            return Ok(Arc::new(OpenRing::fixed(layout.map_err(Error::invalid)?)));
        }
        let (pace, resolver) = (self.pace, Resolver::new(self.server));
        watch::Watch::open(Names { dns: self, resolver }, pace, (shape, shards), context).await
    }
}

/// Members that nobody asks.
fn rehearsed(shape: Shape) -> Result<Layout, String> {
    let member = |i: usize| Member::new(format!("member-{i}"), format!("member-{i}:1"), None, String::new());
    Layout::new(shape, 1, (0..shape.factor()).map(member).collect::<Result<_, _>>()?)
}

// === impl Name ===

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "expected a service such as `_weir._tcp.stores.example`, or a host and a port such as `stores.example:19391`, got `{text}`"
            )
        };
        if text.starts_with('_') {
            return if is_name(&text) { Ok(Self::Service(text)) } else { Err(wrong()) };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let is_port = !port.starts_with('+');
        let port = port.parse().ok().filter(|port| is_port && *port > 0 && is_name(host)).ok_or_else(wrong)?;
        Ok(Self::Host(host.to_owned(), port))
    }
}

// === impl Names ===

impl watch::Lookup for Names {
    async fn members(&self) -> Result<Vec<Member>, Unknown> {
        let mut members = Vec::new();
        for name in &self.dns.names {
            match name {
                Name::Service(service) => {
                    let Found { name, records } = self.resolver.find(service, Kind::Srv).await?;
                    members.extend(records.into_iter().map(|record| self.dns.target(&name, record)));
                }
                Name::Host(host, port) => {
                    let (four, six) = (self.resolver.find(host, Kind::A), self.resolver.find(host, Kind::Aaaa));
                    let records = either(tokio::join!(four, six))?;
                    members.extend(records.into_iter().map(|record| self.dns.address(record, *port)));
                }
            }
        }
        let mut members = members.into_iter().collect::<Result<Vec<_>, _>>().map_err(Unknown::Nothing)?;
        arrange(&mut members);
        Ok(members)
    }
}

/// The records of both, where one has nothing those of the other.
fn either((one, other): (Result<Found, Unknown>, Result<Found, Unknown>)) -> Result<Vec<Record>, Unknown> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok(one.records.into_iter().chain(other.records).collect()),
        // What one can't tell may be half of all members.
        (Err(Unknown::Silent(why)), _) | (_, Err(Unknown::Silent(why))) => Err(Unknown::Silent(why)),
        (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found.records),
        (Err(nothing), Err(_)) => Err(nothing),
    }
}

/// Puts members into an order that does not hang on that of the answer, and in which those that are numbered grow at the end:
/// by the number at the end of their names, then by their names.
fn arrange(members: &mut Vec<Member>) {
    let number = |name: &str| -> u64 {
        let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        name.get(name.len() - digits..).and_then(|digits| digits.parse().ok()).unwrap_or(0)
    };
    members.sort_by(|a, b| (number(&a.name), &a.name, &a.address).cmp(&(number(&b.name), &b.name, &b.address)));
    // Names may overlap.
    members.dedup();
}

impl Dns {
    /// The member that is a target of the service `owner`.
    fn target(&self, owner: &str, record: Record) -> Result<Member, String> {
        let Record::Service { host, port } = record else { return Err("expected SRV records".into()) };
        // `_weir._tcp.stores.example.svc` is of `stores.example.svc`.
        let domain = owner.split('.').filter(|label| !label.starts_with('_')).collect::<Vec<_>>().join(".");
        let name = host.strip_suffix(&domain).and_then(|rest| rest.strip_suffix('.')).filter(|name| !name.is_empty());
        let name = name.unwrap_or(&host).to_owned();
        let read = self.read_port.map(|port| format!("{host}:{port}"));
        Member::new(name.clone(), format!("{host}:{port}"), read, self.zone_of(&name))
    }

    /// The member at an address.
    fn address(&self, record: Record, port: u16) -> Result<Member, String> {
        let Record::Address(ip) = record else { return Err("expected addresses".into()) };
        let name = match ip {
            IpAddr::V4(ip) => ip.to_string(),
            // No name has a colon.
            IpAddr::V6(ip) => ip.segments().map(|part| format!("{part:x}")).join("-"),
        };
        let read = self.read_port.map(|port| SocketAddr::new(ip, port.get()).to_string());
        Member::new(name.clone(), SocketAddr::new(ip, port).to_string(), read, self.zone_of(&name))
    }

    fn zone_of(&self, name: &str) -> String {
        self.zone.as_ref().and_then(|zone| zone.expand(name, "$1")).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
