//! Tests of `ring::dns`: what becomes of records, and what settings are refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::net::{Ipv4Addr, Ipv6Addr};

use weir_pipeline::Resource;
use weir_pipeline::testing::{context, settings};

use super::super::Ring;
use super::*;

fn dns(extra: &str) -> Dns {
    settings(&format!("{{ names: [_weir._tcp.stores.example], {extra} }}")).unwrap()
}

fn target(dns: &Dns, host: &str) -> Member {
    dns.target("_weir._tcp.stores.example", Record::Service { host: host.into(), port: 19391 }).unwrap()
}

fn shown(member: &Member) -> String {
    let Member { name, address, read_address, zone } = member;
    format!("{name} {address} {read_address} {zone}")
}

#[test]
fn a_target_is_called_by_what_stands_before_the_domain_of_the_service() {
    let dns = dns("read_port: 19392, zone: 'store-([a-z]+)-\\d+'");
    let check = |host: &str, expect: &str| assert_eq!(shown(&target(&dns, host)), expect);
    check("store-b-0.stores.example", "store-b-0 store-b-0.stores.example:19391 store-b-0.stores.example:19392 b");
    check("store-0.stores.example", "store-0 store-0.stores.example:19391 store-0.stores.example:19392 ");
    check("elsewhere.example", "elsewhere.example elsewhere.example:19391 elsewhere.example:19392 ");
    check("stores.example", "stores.example stores.example:19391 stores.example:19392 ");
    check("xstores.example", "xstores.example xstores.example:19391 xstores.example:19392 ");
}

#[test]
fn an_address_is_the_name_of_its_member() {
    let dns = dns("read_port: 2, zone: '10\\.0\\.(\\d+)\\..*'");
    let check = |ip: IpAddr, expect: &str| assert_eq!(shown(&dns.address(Record::Address(ip), 1).unwrap()), expect);
    check(Ipv4Addr::new(10, 0, 7, 1).into(), "10.0.7.1 10.0.7.1:1 10.0.7.1:2 7");
    check(Ipv6Addr::LOCALHOST.into(), "0-0-0-0-0-0-0-1 [::1]:1 [::1]:2 ");
}

#[test]
fn members_are_sorted_by_the_numbers_of_their_names() {
    let dns = dns("zone: '(.)-\\d+'");
    let order = |hosts: &[&str]| {
        let mut members: Vec<Member> = hosts.iter().map(|host| target(&dns, host)).collect();
        arrange(&mut members);
        members.into_iter().map(|member| member.name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(order(&["b-1", "a-10", "b-2", "a-1", "x", "a-2", "b-10", "a-1"]), "x a-1 b-1 a-2 b-2 a-10 b-10");
    assert_eq!(order(&["10.0.0.2", "10.0.0.1", "10.0.1.1"]), "10.0.0.1 10.0.1.1 10.0.0.2");
    assert_eq!(order(&["s-99999999999999999999", "s-3"]), "s-99999999999999999999 s-3");
}

#[test]
fn an_answer_that_lacks_what_nobody_could_tell_is_none() {
    let found = |ip: IpAddr| Ok(Found { name: "x".into(), records: vec![Record::Address(ip)] });
    let (four, six) = (|| found(Ipv4Addr::LOCALHOST.into()), || found(Ipv6Addr::LOCALHOST.into()));
    let (nothing, silent) = (|| Err(Unknown::Nothing("nothing".into())), || Err(Unknown::Silent("silent".into())));
    assert_eq!(either((four(), six())).unwrap().len(), 2);
    assert_eq!(either((four(), nothing())).unwrap().len(), 1);
    assert_eq!(either((nothing(), six())).unwrap().len(), 1);
    assert_eq!(either((nothing(), nothing())), Err(Unknown::Nothing("nothing".into())));
    assert_eq!(either((four(), silent())), Err(Unknown::Silent("silent".into())));
    assert_eq!(either((silent(), nothing())), Err(Unknown::Silent("silent".into())));
}

#[test]
fn refuses_wrong_settings() {
    let check = |yaml: &str, expect: &str| {
        assert_eq!(settings::<Dns>(yaml).unwrap_err(), format!("1:1: {expect}"), "{yaml}");
    };
    check("names: []", "expected at least one name in `names`, got none");
    check("{ names: [_a.b], interval: 0s }", "expected `interval` above 0, got `0s`");
    check("{ names: [_a.b], settle: 19s }", "expected `settle` of at least twice `interval`, got `19s` and `10s`");
    check("{ names: [_a.b], server: a }", "expected an address and a port such as `10.96.0.10:53`, got `a`");
    assert!(settings::<Dns>("{ names: [_a.b], zone: '(' }").unwrap_err().contains("zone: "));
    for name in ["stores.example", "stores.example:0", "stores.example:+1", ":1", "_a..b", "a b:1", "http://a:1"] {
        let error = settings::<Dns>(&format!("names: ['{name}']")).unwrap_err();
        assert!(error.starts_with("1:9: names[0]: expected a service such as"), "{error}");
    }
    settings::<Dns>("{ names: [_a.b, 'c:1'], settle: 0s }").unwrap();
    let ring = |yaml: &str| settings::<Ring>(yaml).unwrap_err();
    let beside = "1:1: expected no `epoch` and no `previous` beside `dns`";
    assert_eq!(ring("{ dns: { names: [_a.b] }, epoch: 1 }"), beside);
    assert_eq!(ring("{ dns: { names: [_a.b] }, poll: 1s }"), "1:1: expected `poll` only with `file`");
}

#[tokio::test(start_paused = true)]
async fn a_test_of_a_pipeline_file_asks_nobody() {
    let context = context().with(Arc::new(Rehearsal));
    let ring: Ring = settings("dns: { names: [_weir._tcp.nowhere.invalid], server: '127.0.0.1:1' }").unwrap();
    assert_eq!(ring.open(&context).await.unwrap().current().members().len(), 3);
}
