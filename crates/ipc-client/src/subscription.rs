//! Listening to events: the stream that applications hold.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use futures_core::Stream;
use ipc_wire::{Name, Pattern};

use crate::{
    Client, Event, Lagged, RequestError,
    exchange::Exchange,
    feed::Feed,
    outgoing::{ListenMessage, Outgoing},
    pending::Answer,
    subscriptions::Topic,
};

/// The events of a name or pattern, made by [`Client::listen`] and [`Client::listen_pattern`].
///
/// A stream that ends when the client is closed. Events that come faster than they are taken
/// wait in a [buffer](crate::Builder::event_buffer); when it is full the newest are dropped and
/// counted, and the stream says so in their place with [`Lagged`]. After a reconnect it says
/// [`Lagged::Disconnected`] and goes on. Dropping it ends the subscription; the server is told in
/// the background.
///
/// Further names and patterns can be [added](Self::add): their events come in the one order in
/// which the server sent them, each once, however many topics it matches.
#[must_use = "dropping a subscription ends it"]
pub struct Subscription {
    client: Client,
    feed: Arc<Feed>,
    topics: Vec<Topic>,
}

/// Begins a subscription and asks the server for its events.
pub(crate) async fn listen(client: &Client, topic: Topic) -> Result<Subscription, RequestError> {
    let event_buffer = client.shared().config().event_buffer;
    let mut subscription = Subscription {
        client: client.clone(),
        feed: Arc::new(Feed::new(event_buffer)),
        topics: Vec::new(),
    };
    subscription.add_topic(topic).await?;
    Ok(subscription)
}

impl Subscription {
    /// The next event, or the news that some were missed; `None` when the client is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Result<Event, Lagged>> {
        poll_fn(|cx| self.feed.poll_next(cx)).await
    }

    /// What is there already; nobody is woken for what comes later.
    pub(crate) fn try_recv(&self) -> Option<Option<Result<Event, Lagged>>> {
        match self.feed.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(received) => Some(received),
            Poll::Pending => None,
        }
    }

    /// Listens to the event of exactly this name, too.
    ///
    /// # Errors
    ///
    /// As [`Client::listen`]; what was listened to before goes on.
    ///
    /// # Cancel safety
    ///
    /// After the future is dropped, the name may or may not be listened to.
    pub async fn add(&mut self, event: impl AsRef<str>) -> Result<(), RequestError> {
        self.add_topic(Topic::Literal(Name::new(event.as_ref())?))
            .await
    }

    /// Listens to all events whose names match the pattern, too.
    ///
    /// # Errors
    ///
    /// As [`Client::listen_pattern`]; what was listened to before goes on.
    ///
    /// # Cancel safety
    ///
    /// After the future is dropped, the pattern may or may not be listened to.
    pub async fn add_pattern(&mut self, pattern: impl AsRef<str>) -> Result<(), RequestError> {
        self.add_topic(Topic::Pattern(Pattern::new(pattern.as_ref())?))
            .await
    }

    async fn add_topic(&mut self, topic: Topic) -> Result<(), RequestError> {
        if self.topics.contains(&topic) {
            return Ok(());
        }
        let client = self.client.clone();
        client.shared().add_feed(&topic, &self.feed);
        // From here on the end of the subscription takes the feed out again.
        self.topics.push(topic.clone());
        let outgoing = Outgoing::Listen(ListenMessage::new(&topic));
        let answer = Exchange::new(client.clone(), outgoing, client.call_timeout()).await;
        if let Err(error) = answer.and_then(Answer::into_success) {
            self.topics.retain(|kept| *kept != topic);
            client.shared().remove_feed(&topic, &self.feed);
            return Err(error);
        }
        client.shared().confirm_topic(&topic);
        Ok(())
    }

    /// The names and patterns that are listened to, in the order in which they were added.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.iter().map(Topic::as_str)
    }
}

impl Stream for Subscription {
    type Item = Result<Event, Lagged>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.feed.poll_next(cx)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        for topic in &self.topics {
            self.client.shared().remove_feed(topic, &self.feed);
        }
    }
}
