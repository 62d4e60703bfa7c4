//! Tests of `dns`, over real sockets to servers that answer, fail, or keep silent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::*;

/// The answer to a question with these records.
fn reply(question: &[u8], records: &[Record]) -> Vec<u8> {
    // After the header comes a name, which ends with a zero, and type and class.
    let end = question[12..].iter().position(|byte| *byte == 0).unwrap() + 12 + 1 + 4;
    let asked = &question[12..end];
    let kind = &asked[asked.len() - 4..asked.len() - 2];
    let mut out = question[..2].to_vec();
    out.extend([0x81, 0x80, 0, 1, 0, u8::try_from(records.len()).unwrap(), 0, 0, 0, 0]);
    out.extend(asked);
    for record in records {
        let data = match record {
            Record::Address(IpAddr::V4(ip)) => ip.octets().to_vec(),
            Record::Address(IpAddr::V6(ip)) => ip.octets().to_vec(),
            Record::Service { host, port } => {
                let labels = host.split('.').flat_map(|label| {
                    std::iter::once(u8::try_from(label.len()).unwrap()).chain(label.bytes()).collect::<Vec<_>>()
                });
                [0; 4].into_iter().chain(port.to_be_bytes()).chain(labels).chain([0]).collect()
            }
        };
        out.extend([0xc0, 12]);
        out.extend(kind);
        out.extend([0, 1, 0, 0, 0, 30, 0, u8::try_from(data.len()).unwrap()]);
        out.extend(data);
    }
    out
}

/// How a server answers; `None` not at all.
type Answers = fn(&[u8]) -> Option<Vec<u8>>;

async fn server(answers: Answers) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut question = vec![0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut question).await.unwrap();
            if let Some(answer) = answers(&question[..length]) {
                // What is not asked for comes before it.
                socket.send_to(b"\0\0\x81\x80", from).await.unwrap();
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    address
}

/// Asks these, without much patience.
fn asks(servers: &[SocketAddr]) -> Resolver {
    Resolver { servers: Servers::These(servers.to_vec()), patience: Duration::from_millis(50) }
}

fn host(host: &str, port: u16) -> Record {
    Record::Service { host: host.into(), port }
}

#[tokio::test]
async fn a_name_is_asked_and_what_is_no_answer_passed_over() {
    let server = server(|question| Some(reply(question, &[host("b", 2), host("a", 1), host("a", 1)]))).await;
    let found = Resolver::new(Some(server)).find("_W._tcp.x", Kind::Srv).await.unwrap();
    assert_eq!(found, Found { name: "_w._tcp.x".into(), records: vec![host("a", 1), host("b", 2)] });
}

#[tokio::test]
async fn a_long_answer_comes_over_tcp() {
    let records = |n: u8| (0..n).map(|i| Record::Address([10, 0, 0, i].into())).collect::<Vec<_>>();
    let cut = |question: &[u8]| {
        let mut answer = reply(question, &[]);
        answer[2] |= 2;
        Some(answer)
    };
    let server = server(cut).await;
    let listener = TcpListener::bind(server).await.unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut question = vec![0; usize::from(stream.read_u16().await.unwrap())];
        stream.read_exact(&mut question).await.unwrap();
        let answer = reply(&question, &records(200));
        stream.write_u16(answer.len() as u16).await.unwrap();
        stream.write_all(&answer).await.unwrap();
    });
    let found = Resolver::new(Some(server)).find("x", Kind::A).await.unwrap();
    assert_eq!(found.records, records(200));
}

#[tokio::test]
async fn nothing_there_differs_from_nobody_who_tells() {
    let failed = |question: &[u8]| {
        let mut answer = reply(question, &[]);
        answer[3] |= 2;
        Some(answer)
    };
    let find = async |answers: Answers| asks(&[server(answers).await]).find("x", Kind::A).await.unwrap_err();
    assert_eq!(find(|question| Some(reply(question, &[]))).await, Unknown::Nothing("`x` has no A record".into()));
    let Unknown::Silent(why) = find(failed).await else { panic!("it has failed") };
    assert!(why.starts_with("`x` can't be looked up: ") && why.contains("Server Failure"), "{why}");
    let Unknown::Silent(why) = find(|_| None).await else { panic!("it is silent") };
    assert!(why.ends_with("timed out"), "{why}");
}

#[tokio::test]
async fn a_server_that_fails_is_not_the_only_one() {
    let good = server(|question| Some(reply(question, &[Record::Address([10, 0, 0, 1].into())]))).await;
    let silent = server(|_| None).await;
    for servers in [[silent, good], [good, silent]] {
        let found = asks(&servers).find("x", Kind::A).await.unwrap();
        assert_eq!(found.records, [Record::Address([10, 0, 0, 1].into())]);
    }
}

#[tokio::test]
async fn the_system_says_whom_to_ask_and_for_what() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("resolv.conf");
    let text = "# made by kubelet\nsearch monitoring.svc.cluster.local svc.cluster.local cluster.local.\n\
                nameserver 10.96.0.10\nnameserver fd00::a\nnameserver nonsense\noptions edns0 ndots:5\n";
    std::fs::write(&path, text).unwrap();
    let (config, options) = read(&path).await.unwrap();
    let servers: Vec<IpAddr> = config.name_servers().iter().map(|server| server.ip).collect();
    assert_eq!(servers, ["10.96.0.10".parse::<IpAddr>().unwrap(), "fd00::a".parse().unwrap()]);
    let names = |name: &str| names(&config, options.ndots, name).join(" ");
    assert_eq!(
        names("_p._tcp.Stores"),
        "_p._tcp.stores.monitoring.svc.cluster.local _p._tcp.stores.svc.cluster.local _p._tcp.stores.cluster.local \
         _p._tcp.stores"
    );
    assert!(names("_p._tcp.stores.monitoring.svc").starts_with("_p._tcp.stores.monitoring.svc.monitoring.svc.cluster"));
    assert!(names("a.b.c.d.e.f").starts_with("a.b.c.d.e.f a.b.c.d.e.f.monitoring"));
    assert_eq!(names("a.b."), "a.b");
    let missing = Resolver { servers: Servers::File(dir.path().join("none")), patience: PATIENCE };
    let Unknown::Silent(why) = missing.find("x", Kind::A).await.unwrap_err() else { panic!("nobody can tell") };
    assert!(why.ends_with("none: No such file or directory (os error 2)"), "{why}");
}

#[test]
fn what_is_no_name_is_not_asked() {
    for name in ["", ".", "a..b", "a b", "ä", "a.b..", &"a".repeat(64), &["a"; 128].join(".")] {
        assert!(!is_name(name), "{name}");
    }
    for name in ["a", "a.", "_weir._tcp.a-b.c0", &"a".repeat(63), &["a"; 127].join(".")] {
        assert!(is_name(name), "{name}");
    }
}
