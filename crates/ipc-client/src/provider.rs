//! What an application implements to provide an object.

use std::{
    collections::HashMap, fmt, future::Future, hash::BuildHasherDefault, pin::Pin, sync::Arc,
    time::Duration,
};

use ipc_wire::{Code, Payload};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;

use crate::{
    RawJson,
    objects::{Called, NameHasher},
};

/// An object's side of its calls.
///
/// A call is begun in the task that serves all calls of the client; one that is not answered at
/// once goes on in a task of its own, so a slow one does not hold the others up. It is aborted
/// when the caller cancels, its time passes, or the connection is lost. A panic is answered with
/// an error and harms no other call. As everywhere in async code, a handler must not block its
/// thread; calls of an object whose handlers compute for long get tasks from the beginning.
///
/// Closures from [`Request`] to a future implement it, and so does [`Methods`].
///
/// ```
/// use ipc_client::{ObjectError, Provider, Request, Response};
///
/// struct Calc;
///
/// impl Provider for Calc {
///     async fn call(&self, request: Request) -> Result<Response, ObjectError> {
///         match request.method() {
///             "add" => {
///                 let (a, b): (i64, i64) = request.param()?;
///                 Response::new(&(a + b))
///             }
///             method => Err(ObjectError::method_not_found(method)),
///         }
///     }
/// }
/// ```
pub trait Provider: Send + Sync + 'static {
    /// Answers one call.
    fn call(&self, request: Request) -> impl Future<Output = Result<Response, ObjectError>> + Send;
}

impl<F, R> Provider for F
where
    F: Fn(Request) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response, ObjectError>> + Send + 'static,
{
    fn call(&self, request: Request) -> impl Future<Output = Result<Response, ObjectError>> + Send {
        self(request)
    }
}

/// A call to an object of ours.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) called: Arc<Called>,
    pub(crate) param: Option<RawJson>,
    /// Rare, and a request is moved several times on its way.
    pub(crate) headers: Option<Box<RawJson>>,
    pub(crate) deadline: Option<Instant>,
}

impl Request {
    /// Makes a call by hand, to test a provider without a server.
    #[must_use]
    pub fn new(object: &str, method: &str, param: Option<RawJson>) -> Self {
        let called = Called {
            object: object.into(),
            method: method.into(),
        };
        Self {
            called: Arc::new(called),
            param,
            headers: None,
            deadline: None,
        }
    }

    /// The name of the object that is called.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.called.object
    }

    /// The name of the method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.called.method
    }

    /// The argument; an absent one is read as `null`.
    ///
    /// # Errors
    ///
    /// [`ParamError`] when the argument is not of that type; a handler may return it with `?`.
    pub fn param<T: DeserializeOwned>(&self) -> Result<T, ParamError> {
        let parsed = match &self.param {
            Some(param) => param.parse(),
            None => serde_json::from_str("null"),
        };
        parsed.map_err(ParamError)
    }

    /// The argument as it was written.
    #[must_use]
    pub const fn raw_param(&self) -> Option<&RawJson> {
        self.param.as_ref()
    }

    /// Takes the argument out of the call, as it was written: to keep it, or to hand it on without
    /// reading it.
    ///
    /// ```
    /// use ipc_client::{ObjectError, Request, Response};
    ///
    /// async fn echo(request: Request) -> Result<Response, ObjectError> {
    ///     Ok(Response::raw(request.into_raw_param().unwrap_or_default()))
    /// }
    /// ```
    #[must_use]
    pub fn into_raw_param(self) -> Option<RawJson> {
        self.param
    }

    /// What rides along with the call: a JSON object.
    #[must_use]
    pub const fn headers(&self) -> Option<&RawJson> {
        match &self.headers {
            Some(headers) => Some(headers),
            None => None,
        }
    }

    /// How long the caller still waits; `None` when it did not say.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }
}

/// The argument of a call is not of the type that the method takes.
#[derive(Debug, thiserror::Error)]
#[error("the argument does not fit: {0}")]
pub struct ParamError(#[source] serde_json::Error);

/// What a call returns.
#[derive(Clone, Debug)]
pub struct Response(Json);

#[derive(Clone, Debug)]
enum Json {
    /// Written here, to be sent and forgotten.
    Written(Vec<u8>),
    /// As it came from somewhere.
    Raw(RawJson),
}

impl Response {
    /// Returns a value.
    ///
    /// # Errors
    ///
    /// [`ObjectError`] when the value has no JSON form.
    pub fn new<T: Serialize + ?Sized>(value: &T) -> Result<Self, ObjectError> {
        let json = serde_json::to_vec(value).map_err(ObjectError::text)?;
        Ok(Self(Json::Written(json)))
    }

    /// Returns JSON text as it is.
    #[must_use]
    pub const fn raw(json: RawJson) -> Self {
        Self(Json::Raw(json))
    }

    pub(crate) fn payload(&self) -> Payload<'_> {
        match &self.0 {
            Json::Written(json) => Payload::from_pretty_json(json),
            Json::Raw(json) => json.payload(),
        }
    }
}

/// The error that a call returns: any JSON of the application's own.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", .0.json.as_str())]
pub struct ObjectError(Box<ErrorParts>);

/// In a box, so that an error makes no outcome larger.
#[derive(Clone, Debug)]
struct ErrorParts {
    json: RawJson,
    code: Option<Code>,
}

impl ObjectError {
    /// Returns a value as the error; one that has no JSON form becomes a text that says so.
    #[must_use]
    pub fn new<T: Serialize + ?Sized>(error: &T) -> Self {
        RawJson::new(error).map_or_else(Self::text, |json| Self::from_parts(json, None))
    }

    /// Returns a text as the error, for example that of another error.
    #[must_use]
    pub fn text(error: impl fmt::Display) -> Self {
        Self::from_parts(RawJson::text(&error.to_string()), None)
    }

    /// The object has no such method; the caller gets
    /// [`CallError::MethodNotFound`](crate::CallError::MethodNotFound).
    #[must_use]
    pub fn method_not_found(method: &str) -> Self {
        Self::with_code(
            Code::MethodNotFound,
            &format!("method '{method}' not found"),
        )
    }

    pub(crate) fn with_code(code: Code, text: &str) -> Self {
        Self::from_parts(RawJson::text(text), Some(code))
    }

    fn from_parts(json: RawJson, code: Option<Code>) -> Self {
        Self(Box::new(ErrorParts { json, code }))
    }

    pub(crate) fn payload(&self) -> Payload<'_> {
        self.0.json.payload()
    }

    /// The code beside the error, where it is one of those that servers know.
    pub(crate) const fn code(&self) -> Option<Code> {
        self.0.code
    }
}

impl From<ParamError> for ObjectError {
    fn from(error: ParamError) -> Self {
        Self::text(error)
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Response, ObjectError>> + Send>>;
type Method = Box<dyn Fn(&Request) -> Answering + Send + Sync>;

/// An object made of closures, one for each method, with types of their own.
///
/// ```
/// use ipc_client::{Methods, ObjectError};
///
/// let calc = Methods::new()
///     .on("add", |(a, b): (i64, i64)| async move { Ok(a + b) })
///     .on("divide", |(a, b): (i64, i64)| async move {
///         a.checked_div(b).ok_or_else(|| ObjectError::text("division by zero"))
///     });
/// ```
#[derive(Default)]
pub struct Methods {
    methods: HashMap<Box<str>, Method, BuildHasherDefault<NameHasher>>,
}

impl Methods {
    /// An object that has no method yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a method: from its argument to a future of what it returns. An absent argument is
    /// read as `null`, so a method without one takes `()`.
    #[must_use]
    pub fn on<P, T, F, R>(mut self, method: impl Into<Box<str>>, answer: F) -> Self
    where
        P: DeserializeOwned,
        T: Serialize,
        F: Fn(P) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, ObjectError>> + Send + 'static,
    {
        let method_fn = move |request: &Request| -> Answering {
            match request.param() {
                Ok(param) => {
                    let answering = answer(param);
                    Box::pin(async move { Response::new(&answering.await?) })
                }
                Err(error) => Box::pin(std::future::ready(Err(error.into()))),
            }
        };
        self.methods.insert(method.into(), Box::new(method_fn));
        self
    }
}

impl Provider for Methods {
    async fn call(&self, request: Request) -> Result<Response, ObjectError> {
        match self.methods.get(request.method()) {
            Some(method) => method(&request).await,
            None => Err(ObjectError::method_not_found(request.method())),
        }
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.methods.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, param: &str) -> Request {
        Request::new("calc", method, Some(RawJson::from_text(param).unwrap()))
    }

    #[tokio::test]
    async fn methods_answer_by_name_and_refuse_what_does_not_fit() {
        let calc = Methods::new()
            .on("add", |(a, b): (i64, i64)| async move { Ok(a + b) })
            .on("nothing", |(): ()| async move { Ok(()) });

        let sum = calc.call(request("add", "[1,2]")).await.unwrap();
        assert_eq!(sum.payload().json(), b"3");
        let nothing = calc.call(Request::new("calc", "nothing", None)).await;
        assert_eq!(nothing.unwrap().payload().json(), b"null");
        let misfit = calc.call(request("add", "\"x\"")).await.unwrap_err();
        assert!(misfit.to_string().contains("does not fit"), "{misfit}");
        assert_eq!(misfit.code(), None);
        let unknown = calc.call(request("mul", "1")).await.unwrap_err();
        assert_eq!(unknown.code(), Some(Code::MethodNotFound));
    }

    #[test]
    fn an_argument_is_handed_on_as_it_was_written() {
        let text = r#"{"b":1.10,"a":[2]}"#;

        let param = request("echo", text).into_raw_param().unwrap();
        assert_eq!(param.as_str(), text);
        assert_eq!(Response::raw(param).payload().json(), text.as_bytes());

        let absent = Request::new("calc", "echo", None).into_raw_param();
        assert_eq!(absent, None);
        assert_eq!(absent.unwrap_or_default().as_str(), "null");
    }
}
