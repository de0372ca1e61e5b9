//! The root context: one for each configuration in a virtual machine.

use std::{cell::RefCell, rc::Rc};

use log::{error, warn};
use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::ContextType,
};

use crate::{
    config::{Config, ConfigError},
    documents::News,
    filter::Filter,
    metrics::Name,
    request::Decided,
    shared::{Paused, Shared, SharedCell, now},
    shelf::Copy,
};

/// The root context. It has nothing to share before it is configured.
#[derive(Default)]
pub(crate) struct Root {
    shared: Option<SharedCell>,
}

impl Root {
    /// Lets decided requests go, one way or the other.
    fn resume(shared: &SharedCell, decided: &[(u32, Paused, Decided)]) {
        let attributes = Rc::clone(&shared.borrow().attributes);
        for (id, paused, decided) in decided {
            paused.resume(*id, decided, &attributes);
        }
    }

    /// What a call brought.
    fn answer(&self, headers: usize, body_size: usize, limit: usize, now: u64) -> News {
        // Without header fields there is no answer, and asking for one would trap: Envoy gave the call up, or its
        // body was too large even for Envoy.
        let status = if headers == 0 { None } else { self.field(":status") };
        match status.as_deref() {
            Some("200") if body_size <= limit => {
                let cache_control = self.field("cache-control").unwrap_or_default();
                let body = self.get_http_call_response_body(0, body_size).unwrap_or_default();
                if let Ok(text) = String::from_utf8(body) {
                    return News::Copy(Rc::new(Copy { text, cache_control, fetched: now }));
                }
                warn!("a document is refused: it is not UTF-8");
            }
            Some("200") => {
                warn!("a document is refused: it has {body_size} bytes, and {limit} are the limit");
            }
            Some(status) => warn!("a document cannot be fetched: the answer has {status} instead of 200"),
            None => warn!("a document cannot be fetched: there is no answer, or a very long one"),
        }
        News::Failure(now)
    }

    /// A field of the answer to a call. The SDK would trap on one that is not UTF-8.
    fn field(&self, name: &str) -> Option<String> {
        let value = self.get_http_call_response_header_bytes(name)?;
        Some(String::from_utf8_lossy(&value).into_owned())
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, call: u32, headers: usize, body_size: usize, _trailers: usize) {
        let Some(shared_cell) = &self.shared else { return };
        let now = now();
        let decided = {
            let shared = &mut *shared_cell.borrow_mut();
            let Some(ended) = shared.documents.ended(call) else { return };
            let mut news = self.answer(headers, body_size, ended.limit, now);
            // What is of no use here is none elsewhere: the others keep what they have.
            if !shared.apply(&ended.waiters, &news) {
                news = News::Failure(now);
            }
            shared.metrics.count(match news {
                News::Copy(_) => Name::Fetches,
                News::Failure(_) => Name::FetchFailures,
            });
            shared.documents.share(&ended, &news);
            shared.decide_paused(now)
        };
        Self::resume(shared_cell, &decided);
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let text = self.get_plugin_configuration().unwrap_or_default();
        let shared =
            Config::parse(&text).and_then(|config| Shared::new(config, now()).map_err(ConfigError::new));
        match shared {
            Ok(shared) => {
                self.shared = Some(Rc::new(RefCell::new(shared)));
                true
            }
            Err(problems) => {
                error!("tessera: {problems}");
                false
            }
        }
    }

    fn on_tick(&mut self) {
        let Some(shared_cell) = &self.shared else { return };
        let decided = shared_cell.borrow_mut().tick(now());
        Self::resume(shared_cell, &decided);
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        let shared = Rc::clone(self.shared.as_ref()?);
        Some(Box::new(Filter::new(id, shared)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
