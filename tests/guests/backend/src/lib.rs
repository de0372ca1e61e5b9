//! A `wasi:http` 0.3 handler that knows nothing of tokens: what stands behind the middleware in tests.
//!
//! It answers each request with the body of that request, and says in a line on stderr what reached it.

use generated::{
    exports::wasi::http::handler::Guest,
    wasi::{
        cli::stderr,
        http::types::{ErrorCode, Fields, Request, Response},
    },
    wit_future, wit_stream,
};

#[allow(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    clippy::unwrap_used,
    missing_docs,
    unsafe_code,
    reason = "generated from WIT; the ABI is made of raw pointers"
)]
mod generated {
    wit_bindgen::generate!({
        path: "../../../verifier-wasm/middleware/wit",
        inline: "
            package tessera:backend;

            world backend {
                import wasi:cli/stderr@0.3.0;
                export wasi:http/handler@0.3.0;
            }
        ",
        world: "tessera:backend/backend",
        generate_all,
    });

    #[cfg(target_family = "wasm")]
    export!(Backend with_types_in self);

    #[cfg(target_family = "wasm")]
    use super::Backend;
}

/// The component's export.
pub struct Backend;

impl Guest for Backend {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let fields = request.get_headers().copy_all().into_iter();
        let fields: Vec<String> =
            fields.map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(&value))).collect();
        say(&format!("backend: {target} {}\n", fields.join("; "))).await;
        let (handled, well) = wit_future::new(|| Ok(()));
        drop(handled);
        let (body, trailers) = Request::consume_body(request, well);
        let fields = Fields::from_list(&[("served-by".to_owned(), b"backend".to_vec())]);
        let fields = fields.map_err(|_| ErrorCode::InternalError(None))?;
        let (response, _sent) = Response::new(fields, Some(body), trailers);
        Ok(response)
    }
}

async fn say(line: &str) {
    let (mut sender, receiver) = wit_stream::new();
    let taken = stderr::write_via_stream(receiver);
    let rest = sender.write_all(line.as_bytes().to_vec()).await;
    drop(sender);
    if rest.is_empty() {
        let _ = taken.await;
    }
}
