//! Listening to events: the stream that applications hold.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;

use crate::{
    Client, Event, Lagged, RequestError,
    exchange::Exchange,
    feed::Feed,
    outgoing::{ListenMessage, Outgoing},
    subscriptions::Topic,
};

/// The events of one name or pattern, made by [`Client::listen`] and
/// [`Client::listen_pattern`].
///
/// A stream that ends when the client is closed. Events that come faster than they are taken
/// wait in a [buffer](crate::Builder::event_buffer); when it is full the newest are dropped and
/// counted, and the stream says so in their place with [`Lagged`]. After a reconnect it says
/// [`Lagged::Disconnected`] and goes on. Dropping it ends the subscription.
#[must_use = "dropping a subscription ends it"]
pub struct Subscription {
    client: Client,
    feed: Arc<Feed>,
    topic: Topic,
}

/// Adds a subscription and asks the server for its events.
pub(crate) async fn listen(client: &Client, topic: Topic) -> Result<Subscription, RequestError> {
    let message = ListenMessage::new(&topic);
    let feed = client.shared().add_feed(&topic);
    // From here on the subscription's end takes the feed out again.
    let subscription = Subscription {
        client: client.clone(),
        feed,
        topic,
    };
    let outgoing = Outgoing::Listen(message);
    let timeout = client.call_timeout();
    let answer = Exchange::new(client.clone(), outgoing, timeout).await?;
    answer.into_success()?;
    client.shared().confirm_topic(&subscription.topic);
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

    /// The name or the pattern that is listened to.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.topic.as_str()
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
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.client.shared().remove_feed(&self.topic, &self.feed);
    }
}
