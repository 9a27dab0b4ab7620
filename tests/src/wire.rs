//! The wire between two nodes, which swallows what one of them says: the other has not heard it, and nobody knows.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Which way something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By whoever called, to whoever listens.
    There,
    /// The other way.
    Back,
}

#[derive(Debug)]
struct Line {
    callee: SocketAddr,
    cut: [AtomicBool; 2],
    is_over: AtomicBool,
    /// Both ends of every connection since the line was mended.
    ends: Mutex<Vec<TcpStream>>,
}

/// A port that passes on to another one. Connections end when this is dropped.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    line: Arc<Line>,
}

impl Wire {
    /// To whoever listens at this address, now or later.
    ///
    /// # Panics
    /// If there is no free port.
    pub fn to(callee: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let line = Arc::new(Line {
            callee,
            cut: Default::default(),
            is_over: AtomicBool::new(false),
            ends: Mutex::default(),
        });
        let shared = Arc::clone(&line);
        thread::spawn(move || shared.serve(&listener));
        Self { address, line }
    }

    /// Where to call instead.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on nothing arrives that is said this way. Who says it cannot tell.
    pub fn cut(&self, way: Way) {
        self.line.cut[way as usize].store(true, Ordering::SeqCst);
    }

    /// Whether anybody has called since it was mended.
    pub fn was_called(&self) -> bool {
        !self.line.ends().is_empty()
    }

    /// Everything arrives again. What was swallowed is gone, and with it the connections.
    pub fn mend(&self) {
        for cut in &self.line.cut {
            cut.store(false, Ordering::SeqCst);
        }
        self.line.hang_up();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.line.is_over.store(true, Ordering::SeqCst);
        self.line.hang_up();
        // Wakes who waits for a call.
        let _ = TcpStream::connect(self.address);
    }
}

impl Line {
    fn serve(self: &Arc<Self>, listener: &TcpListener) {
        for call in listener.incoming() {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            let Ok(caller) = call else { continue };
            if let Ok(callee) = TcpStream::connect(self.callee) {
                self.join(&caller, &callee);
            }
        }
    }

    fn join(self: &Arc<Self>, caller: &TcpStream, callee: &TcpStream) {
        let twice = |end: &TcpStream| Some((end.try_clone().ok()?, end.try_clone().ok()?));
        let (Some((from_caller, to_caller)), Some((from_callee, to_callee))) =
            (twice(caller), twice(callee))
        else {
            return;
        };
        let kept = [caller, callee].map(TcpStream::try_clone);
        self.ends().extend(kept.into_iter().flatten());
        let (there, back) = (Arc::clone(self), Arc::clone(self));
        thread::spawn(move || there.pass(Way::There, from_caller, to_callee));
        thread::spawn(move || back.pass(Way::Back, from_callee, to_caller));
    }

    fn pass(&self, way: Way, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 16_384];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let is_cut = self.cut[way as usize].load(Ordering::SeqCst);
            if !is_cut && to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        // Whoever hangs up is heard on a whole line only through the other end's socket.
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }

    fn ends(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hang_up(&self) {
        for end in self.ends().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}
