//! Tests of `dns`, over real sockets to servers that answer, fail, or keep silent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use tokio::net::TcpListener;

use super::*;

/// The answer to a question with these records.
pub(super) fn reply(question: &[u8], records: &[Record]) -> Vec<u8> {
    // What the question says after its header ends with type and class, before the 11 bytes on the size of answers.
    let asked = &question[12..question.len() - 11];
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
    let find = async |answers: Answers| {
        let resolver = Resolver { servers: Servers::One(server(answers).await), patience: Duration::from_millis(50) };
        resolver.find("x", Kind::A).await.unwrap_err()
    };
    assert_eq!(find(|question| Some(reply(question, &[]))).await, Unknown::Nothing("`x` has no A record".into()));
    let Unknown::Silent(why) = find(failed).await else { panic!("it has failed") };
    assert!(why.starts_with("`x` can't be looked up: 127.0.0.1:") && why.ends_with("answers with the code 2"), "{why}");
    let Unknown::Silent(why) = find(|_| None).await else { panic!("it is silent") };
    assert!(why.ends_with("does not answer"), "{why}");
}

#[tokio::test]
async fn a_server_that_fails_is_not_the_only_one() {
    let good = server(|question| Some(reply(question, &[Record::Address([10, 0, 0, 1].into())]))).await;
    let resolver = Resolver { servers: Servers::One(good), patience: Duration::from_millis(50) };
    let silent = server(|_| None).await;
    let records = resolver.ask_all(&[silent, good], "x", Kind::A).await;
    assert_eq!(records, Ok(vec![Record::Address([10, 0, 0, 1].into())]));
}

#[test]
fn the_system_says_whom_to_ask_and_for_what() {
    let conf = Conf::of(
        "# made by kubelet\nsearch monitoring.svc.cluster.local svc.cluster.local cluster.local.\nnameserver 10.96.0.10\n\
         nameserver fd00::a\nnameserver nonsense\noptions edns0 ndots:5\n",
    );
    assert_eq!(conf.servers, ["10.96.0.10:53".parse().unwrap(), "[fd00::a]:53".parse().unwrap()]);
    let names = |name: &str| conf.names(name).join(" ");
    assert_eq!(
        names("_p._tcp.Stores"),
        "_p._tcp.stores.monitoring.svc.cluster.local _p._tcp.stores.svc.cluster.local _p._tcp.stores.cluster.local \
         _p._tcp.stores"
    );
    assert!(names("_p._tcp.stores.monitoring.svc").starts_with("_p._tcp.stores.monitoring.svc.monitoring.svc.cluster"));
    assert!(names("a.b.c.d.e.f").starts_with("a.b.c.d.e.f a.b.c.d.e.f.monitoring"));
    assert_eq!(names("a.b."), "a.b");
    let empty = Conf::of("");
    assert_eq!((empty.servers, empty.dots), (vec!["127.0.0.1:53".parse().unwrap()], 1));
}
