//! Lets requests in, or not.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;
use weir_pipeline::{Error, Result};

use super::known::{Known, Tag, tag};
use super::{Auth, PASSWORD};
use crate::http::telemetry::Telemetry;
use crate::tls::renew::Renewed;

/// How many passwords are remembered as right, and as many as wrong.
const REMEMBERED: usize = 1024;

/// How many hashes are computed at once: who guesses passwords takes no more than that of the machine.
const TURNS: usize = 2;

/// The longest header that is looked at, in bytes.
const MAX_HEADER: usize = 8 << 10;

/// How names and passwords are written: some clients leave the padding out.
const PAIRS: GeneralPurpose = {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&STANDARD, config)
};

/// The media type of gRPC.
const GRPC: &str = "application/grpc";

/// Lets requests in, or not.
pub(crate) struct Guard {
    auth: Auth,
    known: Renewed<Known>,
    /// Of this process alone: a tag tells nothing of what it is of.
    key: hmac::Key,
    verdicts: Mutex<Verdicts>,
    turns: Arc<Semaphore>,
    telemetry: Telemetry,
}

/// What was found of passwords before.
#[derive(Default)]
struct Verdicts {
    right: Remembered,
    wrong: Remembered,
}

/// Tags, the latest so many.
#[derive(Default)]
struct Remembered {
    tags: HashSet<Tag>,
    order: VecDeque<Tag>,
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// It shows nothing.
    Missing,
    /// What it shows can't be read, or is of another kind than what is asked for.
    Malformed,
    /// The password is not that of the name.
    Password,
    /// The token is not known.
    Token,
}

// === impl Guard ===

impl Guard {
    /// Reads the files.
    ///
    /// # Errors
    /// A file can't be read, or has what it should not; or the system has no random numbers.
    pub(in crate::http) fn new(auth: &Auth, telemetry: Telemetry) -> Result<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| Error::internal("expected random numbers from the system"))?;
        let known = Renewed::new("credentials", Known::files(auth), || Known::load(auth, &key))?;
        let (verdicts, turns) = (Mutex::default(), Arc::new(Semaphore::new(TURNS)));
        Ok(Self { auth: auth.clone(), known, key, verdicts, turns, telemetry })
    }

    /// Whether a request with these headers is let in.
    ///
    /// # Errors
    /// It is not: the answer.
    pub(in crate::http) async fn admit(&self, headers: &HeaderMap) -> Result<(), Response<Full<Bytes>>> {
        self.check(headers).await.map_err(|why| {
            self.telemetry.unauthorized(why.as_str());
            let is_grpc = |media: &HeaderValue| media.as_bytes().starts_with(GRPC.as_bytes());
            self.refusal(headers.get(CONTENT_TYPE).is_some_and(is_grpc))
        })
    }

    async fn check(&self, headers: &HeaderMap) -> Result<(), Why> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(if headers.contains_key(AUTHORIZATION) { Why::Malformed } else { Why::Missing });
        };
        let text = value.to_str().ok().filter(|text| text.len() <= MAX_HEADER).ok_or(Why::Malformed)?;
        let (scheme, shown) = text.trim().split_once(' ').ok_or(Why::Malformed)?;
        let shown = shown.trim_start();
        let known = self.known.config(|| Known::load(&self.auth, &self.key));
        if self.auth.basic.is_some() && scheme.eq_ignore_ascii_case("Basic") {
            return self.password(&known, shown).await;
        }
        let is_token = scheme.eq_ignore_ascii_case("Bearer");
        if let Some(pair) = shown.strip_prefix(PASSWORD).filter(|_| is_token && self.auth.basic.is_some()) {
            return self.password(&known, pair).await;
        }
        if self.auth.bearer.is_some() && is_token {
            return if known.has(&tag(&self.key, &[shown.as_bytes()])) { Ok(()) } else { Err(Why::Token) };
        }
        Err(Why::Malformed)
    }

    async fn password(&self, known: &Known, shown: &str) -> Result<(), Why> {
        let pair = PAIRS.decode(shown).map_err(|_| Why::Malformed)?;
        let colon = pair.iter().position(|byte| *byte == b':').ok_or(Why::Malformed)?;
        let (name, rest) = pair.split_at(colon);
        let name = std::str::from_utf8(name).map_err(|_| Why::Malformed)?;
        let password = rest.get(1..).unwrap_or_default();
        let (hash, is_known) = known.hash(name);
        let tag = tag(&self.key, &[name.as_bytes(), hash.reveal().as_bytes(), password]);
        if let Some(right) = self.remembered(&tag) {
            return if right { Ok(()) } else { Err(Why::Password) };
        }
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| Why::Password)?;
        // Another request may have shown the same meanwhile.
        let right = match self.remembered(&tag) {
            Some(right) => right,
            None => {
                let password = password.to_vec();
                // The turn lasts until the hash is there, also where nobody waits for it any more.
                let work = move || (bcrypt::verify(&password, hash.reveal()).unwrap_or(false), turn);
                let (right, _turn) = tokio::task::spawn_blocking(work).await.map_err(|_| Why::Password)?;
                let right = right && is_known;
                self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).of(right).add(tag);
                right
            }
        };
        if right { Ok(()) } else { Err(Why::Password) }
    }

    fn remembered(&self, tag: &Tag) -> Option<bool> {
        let verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        let is_right = verdicts.right.tags.contains(tag);
        (is_right || verdicts.wrong.tags.contains(tag)).then_some(is_right)
    }

    /// 401, and what would do. Over gRPC there is a status of its own: who reads that takes others for a broken answer.
    fn refusal(&self, is_grpc: bool) -> Response<Full<Bytes>> {
        let mut response = Response::new(if is_grpc { Full::default() } else { Full::from("Unauthorized\n") });
        if !is_grpc {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        let headers = response.headers_mut();
        if is_grpc {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
            headers.insert("grpc-status", HeaderValue::from_static("16"));
            headers.insert("grpc-message", HeaderValue::from_static("Unauthorized"));
        } else {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        }
        if self.auth.basic.is_some() {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"weir\", charset=\"UTF-8\""));
        }
        if self.auth.bearer.is_some() {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"weir\""));
        }
        response
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guard({:?})", self.auth)
    }
}

// === impl Verdicts ===

impl Verdicts {
    fn of(&mut self, right: bool) -> &mut Remembered {
        if right { &mut self.right } else { &mut self.wrong }
    }
}

// === impl Remembered ===

impl Remembered {
    fn add(&mut self, tag: Tag) {
        if !self.tags.insert(tag) {
            return;
        }
        self.order.push_back(tag);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.tags.remove(&oldest);
        }
    }
}

// === impl Why ===

impl Why {
    fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Password => "password",
            Self::Token => "token",
        }
    }
}
