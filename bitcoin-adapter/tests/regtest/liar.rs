//! Somebody between the node and its bitcoind, who passes everything on and changes what it likes.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use bitcoin::Network;
use serde_json::Value;
use zarnitsa_bitcoin_adapter::{Auth, BitcoindConfig, Chain, ChainOptions, Start};
use zarnitsa_tests::bitcoind::{Bitcoind, Options};

use crate::world::World;

const USER: &str = "user";
const PASSWORD: &str = "s3cret";
/// The same as bitcoind wants it: name, salt and HMAC.
const RPC_AUTH: &str =
    "user:7a61726e69747361$4b527c81875d85d54f31efedada6105a6000182dbce1f92ff975e208efbcebd5";

/// What is answered instead of an answer, by the call: all of its body.
type Lie = Box<dyn Fn(&str, &Value, Value) -> String + Send>;

struct Told {
    lie: Lie,
    upstream: SocketAddr,
}

/// See the module.
pub struct Liar {
    address: SocketAddr,
    told: Arc<Mutex<Told>>,
}

impl Liar {
    /// Before this bitcoind. It tells the truth yet.
    pub fn before(bitcoind: &Bitcoind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let told = Arc::new(Mutex::new(Told {
            lie: Box::new(|_, _, truth| truth.to_string()),
            upstream: bitcoind.rpc_address(),
        }));
        let shared = Arc::clone(&told);
        // It ends with the test's process.
        thread::spawn(move || {
            for asker in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || answer(asker, &shared));
            }
        });
        Self { address, told }
    }

    /// From now on answers are what `lie` makes of them.
    pub fn lies(&self, lie: impl Fn(&str, &Value, Value) -> String + Send + 'static) {
        self.told.lock().unwrap().lie = Box::new(lie);
    }

    pub fn tells_the_truth(&self) {
        self.lies(|_, _, truth| truth.to_string());
    }

    /// From now on it stands before this one.
    pub fn moves_to(&self, bitcoind: &Bitcoind) {
        self.told.lock().unwrap().upstream = bitcoind.rpc_address();
    }

    /// A node's view of the chain through it.
    pub async fn world(&self, bitcoind: Bitcoind) -> World {
        let auth = Auth::UserPassword(USER.to_owned(), PASSWORD.to_owned());
        let config = BitcoindConfig::new(self.address, auth);
        let source = zarnitsa_bitcoin_adapter::Bitcoind::new(config);
        let options = ChainOptions::new(Network::Regtest, Start::Tip, None);
        let (chain, events) = Chain::start(Arc::new(source), options).expect("threads");
        let mut world = World {
            bitcoind,
            chain,
            events,
        };
        world.connected().await;
        world
    }
}

/// A bitcoind with coins that is asked by name and password: one client can ask two such.
pub fn bitcoind() -> Bitcoind {
    let mut bitcoind = Bitcoind::start_with_coins(Options::default());
    bitcoind.restart_with(&[&format!("-rpcauth={RPC_AUTH}")]);
    bitcoind
}

fn answer(asker: TcpStream, told: &Mutex<Told>) {
    // A connection that breaks is one that breaks: the asker asks again.
    let _ = relay(asker, told);
}

/// One call: each has a connection of its own.
fn relay(mut asker: TcpStream, told: &Mutex<Told>) -> io::Result<()> {
    let (head, body) = read(&mut BufReader::new(&asker))?;
    let upstream = told.lock().unwrap().upstream;
    let mut bitcoind = TcpStream::connect(upstream)?;
    bitcoind.write_all(&[head.as_bytes(), &body].concat())?;
    let (head, truth) = read(&mut BufReader::new(&bitcoind))?;
    let status = head.lines().next().unwrap_or_default().to_owned();
    let said = match (
        serde_json::from_slice(&body),
        serde_json::from_slice(&truth),
    ) {
        (Ok(asked), Ok(truth)) => {
            let asked: Value = asked;
            let call = asked["method"].as_str().unwrap_or_default();
            (told.lock().unwrap().lie)(call, &asked["params"], truth)
        }
        _ => String::from_utf8_lossy(&truth).into_owned(),
    };
    let length = said.len();
    write!(
        asker,
        "{status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{said}"
    )
}

/// Head and body of a message of HTTP.
fn read(from: &mut impl BufRead) -> io::Result<(String, Vec<u8>)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        head.push_str(&line);
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok((head, body))
}
