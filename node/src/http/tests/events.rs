//! The event stream, by a WebSocket client of a few lines (RFC 6455).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::*;

struct Client(TcpStream);

impl Client {
    /// Connects; the status line of the answer where it is no WebSocket.
    fn connect(world: &World, query: &str) -> Result<Self, String> {
        Self::open(world.server.address(), &world.tokens, query)
    }

    fn open(address: SocketAddr, tokens: &Tokens, query: &str) -> Result<Self, String> {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let path = service("events");
        let token = tokens.read.reveal();
        write!(
            stream,
            "GET {path}?{query} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let status = String::from_utf8(head)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .to_string();
        if status.contains("101") {
            Ok(Self(stream))
        } else {
            Err(status)
        }
    }

    /// The next frame: its opcode and its content.
    fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).unwrap();
        let length = match head[1] {
            126 => {
                let mut long = [0; 2];
                self.0.read_exact(&mut long).unwrap();
                usize::from(u16::from_be_bytes(long))
            }
            short => usize::from(short),
        };
        let mut content = vec![0; length];
        self.0.read_exact(&mut content).unwrap();
        (head[0] & 0x0f, content)
    }

    fn numbers(&mut self, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            if let (1, content) = self.frame() {
                let event: Value = serde_json::from_slice(&content).unwrap();
                assert_eq!(event["channel_id"], "07".repeat(32));
                numbers.push(event["number"].as_u64().unwrap());
            }
        }
        numbers
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_before_and_after_the_connection_come_in_order() {
    let world = World::start();
    world.fake.emit(250);
    let mut client = Client::connect(&world, "after=0").unwrap();
    assert_eq!(client.numbers(250), (1..=250).collect::<Vec<_>>());
    world.fake.emit(3);
    assert_eq!(client.numbers(3), [251, 252, 253]);
    world.fake.emit(1);
    assert_eq!(client.numbers(1), [254]);
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_comes_back_goes_on_where_it_stopped() {
    let world = World::start();
    world.fake.emit(5);
    let mut client = Client::connect(&world, "").unwrap();
    assert_eq!(client.numbers(3), [1, 2, 3]);
    drop(client);
    world.fake.emit(2);
    let mut client = Client::connect(&world, "after=3").unwrap();
    assert_eq!(client.numbers(4), [4, 5, 6, 7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_beyond_the_limit_is_refused_until_one_ends() {
    let world = World::start();
    world.fake.emit(1);
    let mut clients: Vec<_> = (0..2)
        .map(|_| Client::connect(&world, "").unwrap())
        .collect();
    for client in &mut clients {
        assert_eq!(client.numbers(1), [1]);
    }
    let refused = Client::connect(&world, "").err().unwrap();
    assert!(refused.contains("503"), "{refused}");
    clients.pop();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        match Client::connect(&world, "") {
            Ok(mut client) => break assert_eq!(client.numbers(1), [1]),
            Err(status) => assert!(std::time::Instant::now() < deadline, "{status}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_without_upgrade_or_number_is_refused() {
    let world = World::start();
    assert_eq!(world.get(&service("events")).code(), "bad_request");
    let refused = Client::connect(&world, "after=x").err().unwrap();
    assert!(refused.contains("400"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_ends_when_the_server_stops() {
    let fake = Arc::new(Fake::new());
    fake.emit(1);
    let tokens = Tokens::generate();
    let server = Server::start(&config(), fake.clone(), tokens.clone()).unwrap();
    let mut client = Client::open(server.address(), &tokens, "").unwrap();
    assert_eq!(client.numbers(1), [1]);
    let stopped = tokio::time::timeout(Duration::from_secs(4), server.stop()).await;
    stopped.expect("no need to wait for the stream").unwrap();
    // A ping may have been on its way before.
    let last = std::iter::repeat_with(|| client.frame().0).find(|opcode| *opcode != 9);
    assert_eq!(last, Some(8), "a close frame");
}
