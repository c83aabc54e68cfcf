//! The connection: one task that reads and minds the time, one that writes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use tlib::{
    Client, ClientConfig, Message, MessageType,
    client::{ClientEnd, ClientOutput},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf},
    sync::{Notify, mpsc, oneshot},
};

use crate::Error;

/// Bytes that are read at once.
const CHUNK: usize = 65_536;

/// Messages that are written at once.
const WRITES: usize = 1024;

/// What the tasks and the handles of one connection share.
#[derive(Debug)]
pub(crate) struct Shared {
    began: Instant,
    inner: Mutex<Inner>,
    /// Something is to be written, or the connection is over.
    write: Notify,
    /// The time at which something is due may be another.
    time: Notify,
}

#[derive(Debug)]
struct Inner {
    machine: Client,
    registered: Option<oneshot::Sender<Message>>,
    events: Option<mpsc::Sender<Message>>,
    answers_by_reference: BTreeMap<u32, oneshot::Sender<Result<Message, Error>>>,
    end: Option<Error>,
}

impl Shared {
    pub(crate) fn new(
        config: ClientConfig,
        registered: oneshot::Sender<Message>,
        events: mpsc::Sender<Message>,
    ) -> Arc<Self> {
        let machine = Client::new(config, model::Instant::ZERO);
        let inner = Inner {
            machine,
            registered: Some(registered),
            events: Some(events),
            answers_by_reference: BTreeMap::new(),
            end: None,
        };
        let (write, time) = (Notify::new(), Notify::new());
        Arc::new(Self { began: Instant::now(), inner: Mutex::new(inner), write, time })
    }

    /// Sends a request; gives its ReferenceID and where its answer will come.
    pub(crate) fn request(
        &self,
        message: Message,
    ) -> Result<(u32, oneshot::Receiver<Result<Message, Error>>), Error> {
        let (sender, receiver) = oneshot::channel();
        let mut inner = self.lock();
        if let Some(end) = &inner.end {
            return Err(end.clone());
        }
        let reference = inner.machine.request(self.now(), message)?;
        let first = inner.answers_by_reference.is_empty();
        inner.answers_by_reference.insert(reference, sender);
        drop(inner);
        self.write.notify_one();
        if first {
            self.time.notify_one();
        }
        Ok((reference, receiver))
    }

    pub(crate) fn close(&self) {
        self.with(Client::close_now);
    }

    /// Why the connection is over.
    pub(crate) fn end(&self) -> Error {
        self.lock().end.clone().unwrap_or(Error::Closed(ClientEnd::Closed))
    }

    fn now(&self) -> model::Instant {
        model::Instant::ZERO + self.began.elapsed()
    }

    /// Every change of what is behind the lock is whole before it is given back, so that what a panic left is as good.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the machine and what follows from it.
    fn with(&self, change: impl FnOnce(&mut Client)) {
        let mut inner = self.lock();
        change(&mut inner.machine);
        while let Some(output) = inner.machine.poll_output() {
            inner.on_output(output);
        }
        drop(inner);
        self.write.notify_one();
        self.time.notify_one();
    }

    fn is_over(&self) -> bool {
        self.lock().end.is_some()
    }
}

impl Inner {
    fn on_output(&mut self, output: ClientOutput) {
        match output {
            ClientOutput::Registered(message) => {
                if let Some(registered) = self.registered.take() {
                    let _ = registered.send(message);
                }
            }
            ClientOutput::Event { message, answers } => self.on_event(message, answers),
            ClientOutput::Unanswered(reference) => self.answer(reference, Err(Error::Unanswered)),
            ClientOutput::Closed(end) => self.finish(Error::Closed(end)),
        }
    }

    fn on_event(&mut self, message: Message, answers: Option<u32>) {
        if let Some(reference) = answers {
            let answer = match message.kind() {
                MessageType::EventError => Err(Error::of_event(message.clone())),
                _ => Ok(message.clone()),
            };
            self.answer(reference, answer);
        }
        let Some(events) = &self.events else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = events.try_send(message) {
            let max = events.max_capacity();
            self.finish(Error::EventsMax(max));
            self.machine.close_now();
        }
    }

    fn answer(&mut self, reference: u32, answer: Result<Message, Error>) {
        if let Some(sender) = self.answers_by_reference.remove(&reference) {
            let _ = sender.send(answer);
        }
    }

    /// The first reason holds. Whoever waits is told.
    fn finish(&mut self, end: Error) {
        self.end.get_or_insert(end);
        self.registered = None;
        self.events = None;
        self.answers_by_reference.clear();
    }
}

/// Starts the tasks of a connection.
pub(crate) fn start<S>(stream: S, shared: &Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reads, writes) = tokio::io::split(stream);
    tokio::spawn(read(reads, Arc::clone(shared)));
    tokio::spawn(write(writes, Arc::clone(shared)));
}

async fn read<S: AsyncRead>(mut reads: ReadHalf<S>, shared: Arc<Shared>) {
    let mut buffer = vec![0; CHUNK];
    while !shared.is_over() {
        let due = shared.lock().machine.poll_timeout();
        let wait = due.map(|due| due.saturating_since(shared.now()));
        let timer = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = reads.read(&mut buffer) => match read {
                Ok(0) | Err(_) => shared.with(Client::handle_closed),
                Ok(length) => {
                    let chunk = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
                    let now = shared.now();
                    shared.with(|machine| machine.handle_bytes(now, chunk));
                }
            },
            () = timer => {
                let now = shared.now();
                shared.with(|machine| machine.handle_timeout(now));
            }
            () = shared.time.notified() => {}
        }
    }
}

async fn write<S: AsyncWrite>(mut writes: WriteHalf<S>, shared: Arc<Shared>) {
    loop {
        let messages = shared.lock().machine.take_writes(WRITES);
        if messages.is_empty() {
            if shared.is_over() {
                let _ = writes.shutdown().await;
                return;
            }
            shared.write.notified().await;
            continue;
        }
        let written = match &messages[..] {
            [one] => writes.write_all(one).await,
            all => writes.write_all(&all.concat()).await,
        };
        if written.is_err() || writes.flush().await.is_err() {
            shared.with(Client::handle_closed);
            return;
        }
    }
}
