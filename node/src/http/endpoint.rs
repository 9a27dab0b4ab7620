//! How an endpoint is described.

use actix_web::http::Method;
use actix_web::{web, FromRequest, Handler, Responder, Route};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::problem;
use super::proved::WithProof;

/// Who may call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody who reaches the port.
    Open,
    /// Who shows the read token or the full token.
    Read,
    /// Who shows the full token: the node signs as the operator.
    Command,
}

/// Makes a type's JSON Schema.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What an endpoint answers when all goes well.
#[derive(Clone, Copy)]
pub enum Answer {
    /// JSON of a type.
    Json(SchemaOf),
    /// JSON in the form that Exonum's explorer gives it.
    Exonum,
    /// Text of a media type.
    Text(&'static str),
    /// A WebSocket whose messages are JSON of a type.
    WebSocket(SchemaOf),
}

/// One method of one path.
pub struct Endpoint {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub summary: &'static str,
    pub query: Option<SchemaOf>,
    /// Whether it understands `proof=true`.
    pub proves: bool,
    pub body: Option<SchemaOf>,
    pub answer: Answer,
    route: Route,
}

/// The part of an [`Endpoint`] that the guard needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub proves: bool,
}

impl Endpoint {
    /// A GET that wants the read token.
    pub fn get(path: &'static str, summary: &'static str) -> Self {
        Self::new(Method::GET, path, Access::Read, summary)
    }

    /// A POST that wants the full token.
    pub fn command(path: &'static str, summary: &'static str) -> Self {
        Self::new(Method::POST, path, Access::Command, summary)
    }

    fn new(method: Method, path: &'static str, access: Access, summary: &'static str) -> Self {
        let route = web::method(method.clone());
        Self {
            method,
            path,
            access,
            summary,
            query: None,
            proves: false,
            body: None,
            answer: Answer::Text("text/plain"),
            route,
        }
    }

    /// Changes who may call it.
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// It answers with proofs where they are asked for.
    pub fn provable(mut self) -> Self {
        self.proves = true;
        self.query::<WithProof>()
    }

    /// Names the query's parameters.
    pub fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(|generator| generator.subschema_for::<T>());
        self
    }

    /// Names the body's type.
    pub fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(|generator| generator.subschema_for::<T>());
        self
    }

    /// Names the answer's type.
    pub fn json<T: JsonSchema>(mut self) -> Self {
        self.answer = Answer::Json(|generator| generator.subschema_for::<T>());
        self
    }

    /// Names the messages' type of a WebSocket.
    pub fn web_socket<T: JsonSchema>(mut self) -> Self {
        self.answer = Answer::WebSocket(|generator| generator.subschema_for::<T>());
        self
    }

    /// Sets another kind of answer.
    pub fn answer(mut self, answer: Answer) -> Self {
        self.answer = answer;
        self
    }

    /// Sets the function that answers.
    pub fn to<F, Args>(mut self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route = self.route.to(handler);
        self
    }

    /// Who may call what.
    pub fn rule(&self) -> Rule {
        Rule {
            method: self.method.clone(),
            path: self.path,
            access: self.access,
            proves: self.proves,
        }
    }
}

/// Adds the endpoints to the app, those of one path together: another method of that path is answered by 405.
pub fn register(app: &mut web::ServiceConfig, endpoints: Vec<Endpoint>) {
    let mut resources: Vec<(&str, actix_web::Resource)> = Vec::new();
    for endpoint in endpoints {
        let at = resources
            .iter()
            .position(|(path, _)| *path == endpoint.path);
        let (_, resource) = match at {
            Some(at) => resources.swap_remove(at),
            None => {
                let resource = web::resource(endpoint.path);
                (
                    endpoint.path,
                    resource.default_service(web::to(problem::wrong_method)),
                )
            }
        };
        resources.push((endpoint.path, resource.route(endpoint.route)));
    }
    // `channels/close` before `channels/{id}`: actix takes the first that fits.
    resources.sort_by_key(|(path, _)| path.matches('{').count());
    for (_, resource) in resources {
        app.service(resource);
    }
}
