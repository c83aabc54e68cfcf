//! The client against the server without a switch of `host/tlib/examples`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    missing_docs,
    reason = "a test fails by panicking"
)]

#[path = "../../../../host/tlib/examples/echo/server.rs"]
mod echo;

use std::{
    net::{SocketAddr, TcpListener},
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

use jackfield_tlib_client::{Client, Error, Options, Tls, requests as ask};
use model::ConnId;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tlib::{
    Attribute, DNRole, ErrorCode, KvList, Message, MessageType,
    client::{ClientEnd, NotSent},
};

fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || echo::serve(&listener));
    address
}

fn options() -> Options {
    Options::new("desk").password("secret")
}

#[tokio::test]
async fn a_desktop_registers_calls_and_sees_events() {
    let mut client = Client::connect(server(), options()).await.unwrap();
    assert_eq!(client.server().kind(), MessageType::EventLinkConnected);
    let registered = client.call(ask::register_address("2001")).await.unwrap();
    assert_eq!(registered.kind(), MessageType::EventRegistered);
    let data = KvList::new().with("Segment", "gold");
    let request = ask::make_call("2001", "2002").with(Attribute::UserData, data.clone());
    let pending = client.request(request).unwrap();
    let reference = pending.reference();
    let dialing = pending.await.unwrap();
    assert_eq!(
        (dialing.kind(), dialing.reference_id()),
        (MessageType::EventDialing, Some(reference))
    );
    assert_eq!(dialing.list(Attribute::UserData), Some(&data));
    assert_eq!(dialing.int(Attribute::ThisDNRole), Some(DNRole::Origination as i64));
    let mut kinds = Vec::new();
    for _ in 0..3 {
        kinds.push(client.event().await.unwrap().kind());
    }
    use MessageType::{EventDialing, EventRegistered, EventRinging};
    assert_eq!(kinds, [EventRegistered, EventDialing, EventRinging]);
}

#[tokio::test]
async fn a_refusal_is_an_error_with_its_code() {
    let address = server();
    let client = Client::connect(address, options()).await.unwrap();
    let error = client.call(ask::hold_call("2001", ConnId(1))).await.unwrap_err();
    assert_eq!(error.to_string(), "RequestHoldCall is not done here (error 51)");
    assert_eq!(error.code(), Some(ErrorCode::Unsupported));
    let error = Client::connect(address, options().password("wrong")).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::BadPassword));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(matches!(Client::connect(nobody, options()).await, Err(Error::Connect(_))));
}

#[tokio::test]
async fn handles_send_from_other_tasks_until_the_client_is_dropped() {
    let mut client = Client::connect(server(), options()).await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let handle = client.handle();
            tokio::spawn(async move {
                for call in 0..100 {
                    let to = format!("{task}-{call}");
                    let dialing = handle.call(ask::make_call("2001", &to)).await.unwrap();
                    assert_eq!(&**dialing.text(Attribute::OtherDN).unwrap(), to);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for _ in 0..800 {
        client.wait_for(MessageType::EventRinging).await.unwrap();
    }
    let handle = client.handle();
    drop(client);
    let error = handle.call(ask::query_server()).await.unwrap_err();
    assert!(matches!(error, Error::Closed(ClientEnd::Closed)), "{error}");
}

#[tokio::test]
async fn events_that_nobody_takes_end_the_connection() {
    let options = Options { events_max: 3, ..options() };
    let mut client = Client::connect(server(), options).await.unwrap();
    client.call(ask::make_call("2001", "2002")).await.unwrap();
    let error = loop {
        if let Err(error) = client.call(ask::make_call("2001", "2002")).await {
            break error;
        }
    };
    assert!(matches!(error, Error::EventsMax(3)), "{error}");
    for _ in 0..3 {
        client.event().await.unwrap();
    }
    assert!(matches!(client.event().await, Err(Error::EventsMax(3))));
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_and_so_are_its_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let silent = thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 1000];
        let _ = stream.read(&mut buffer).unwrap();
        let answer = Message::new(MessageType::EventLinkConnected)
            .with(Attribute::KeepAliveRemoteTimeout, 200_i64)
            .with(Attribute::ReferenceID, 1_u32);
        stream.write_all(&tlib::Encoded::new(&answer).frame(None, None)).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        rest
    });
    let mut options = options();
    options.config.request_timeout = Duration::from_millis(50);
    let mut client = Client::connect(address, options).await.unwrap();
    assert!(matches!(client.call(ask::query_server()).await, Err(Error::Unanswered)));
    let Err(Error::Closed(ClientEnd::Silent(_))) = client.event().await else { panic!() };
    let after = client.request(ask::query_server()).unwrap_err();
    assert!(!matches!(after, Error::NotSent(NotSent::Full)), "{after}");
    let poll = tlib::Encoded::new(&Message::new(MessageType::KeepAlivePoll)).frame(None, None);
    assert!(silent.join().unwrap().ends_with(&poll));
}

#[tokio::test]
async fn it_speaks_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("cert.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let pem = std::fs::read(&certificate).unwrap();
    let certificate = CertificateDer::from_pem_file(certificate).unwrap();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let acceptor = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let inside = server();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(acceptor));
        let mut outside = acceptor.accept(stream).await.unwrap();
        let mut inside = tokio::net::TcpStream::connect(inside).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
    });
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config =
        rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let tls = Tls { config: Arc::new(config), name: "localhost".try_into().unwrap() };
    let client = Client::connect(address, options().tls(tls)).await.unwrap();
    let trusting = Tls::trusting(&pem, "localhost").unwrap();
    assert_eq!(trusting.name, "localhost".try_into().unwrap());
    for (pem, name) in [(&b""[..], "localhost"), (&pem, "no name")] {
        assert!(matches!(Tls::trusting(pem, name), Err(Error::Tls(_))));
    }
    let data: KvList = KvList::new().with("large", "x".repeat(60_000).as_str());
    let request = ask::make_call("2001", "2002").with(Attribute::UserData, data.clone());
    let dialing = client.call(request).await.unwrap();
    assert_eq!(dialing.list(Attribute::UserData), Some(&data));
}
