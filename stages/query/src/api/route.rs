//! What is asked, by path and method.

use hyper::Method;

/// What a path stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Query,
    QueryRange,
    QueryExemplars,
    FormatQuery,
    ParseQuery,
    Sql,
    Series,
    Labels,
    /// With the label as the path has it.
    LabelValues(String),
    Metadata,
    Targets,
    ScrapePools,
    Rules,
    Alerts,
    Alertmanagers,
    BuildInfo,
    RuntimeInfo,
    Config,
    Flags,
    Tsdb,
    WalReplay,
    /// All tenants, or the one that the path names.
    Tenants(Option<String>),
    /// Remote read.
    Read,
    Federate,
    /// Arrow Flight SQL.
    Flight,
    Metrics,
    Healthy,
    Ready,
    /// Has the program read its pipeline files anew, or stop.
    Lifecycle(Lifecycle),
    Page,
    /// Within the API, but not of it.
    NotInApi,
    Nowhere,
}

/// What the program around can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifecycle {
    Reload,
    Quit,
}

/// The methods of what takes a form.
const FORMS: &str = "GET, OPTIONS, POST";

/// Where the API is.
const API: &str = "/api/v1/";

/// Where Arrow Flight is: the name of its service in gRPC.
pub(super) const FLIGHT: &str = "/arrow.flight.protocol.FlightService/";

// === impl Route ===

impl Route {
    pub(super) fn of(path: &str) -> Self {
        match path.strip_prefix(API) {
            Some("query") => Self::Query,
            Some("query_range") => Self::QueryRange,
            Some("query_exemplars") => Self::QueryExemplars,
            Some("format_query") => Self::FormatQuery,
            Some("parse_query") => Self::ParseQuery,
            Some("sql") => Self::Sql,
            Some("series") => Self::Series,
            Some("labels") => Self::Labels,
            Some("metadata") => Self::Metadata,
            Some("targets") => Self::Targets,
            Some("scrape_pools") => Self::ScrapePools,
            Some("rules") => Self::Rules,
            Some("alerts") => Self::Alerts,
            Some("alertmanagers") => Self::Alertmanagers,
            Some("status/buildinfo") => Self::BuildInfo,
            Some("status/runtimeinfo") => Self::RuntimeInfo,
            Some("status/config") => Self::Config,
            Some("status/flags") => Self::Flags,
            Some("status/tsdb") => Self::Tsdb,
            Some("status/walreplay") => Self::WalReplay,
            Some("admin/tenants") => Self::Tenants(None),
            Some("read") => Self::Read,
            Some(rest) => Self::named(rest),
            None => match path {
                "/federate" => Self::Federate,
                "/metrics" => Self::Metrics,
                "/-/healthy" => Self::Healthy,
                "/-/ready" => Self::Ready,
                "/-/reload" => Self::Lifecycle(Lifecycle::Reload),
                "/-/quit" => Self::Lifecycle(Lifecycle::Quit),
                "/" => Self::Page,
                path if path.starts_with(FLIGHT) => Self::Flight,
                _ => Self::Nowhere,
            },
        }
    }

    /// What a path stands for that has a name in it.
    fn named(rest: &str) -> Self {
        let is_name = |name: &&str| !name.is_empty() && !name.contains('/');
        let label = rest.strip_prefix("label/").and_then(|rest| rest.strip_suffix("/values")).filter(is_name);
        let tenant = rest.strip_prefix("admin/tenants/").filter(is_name);
        match (label, tenant) {
            (Some(label), _) => Self::LabelValues(label.to_owned()),
            (None, Some(tenant)) => Self::Tenants(Some(tenant.to_owned())),
            (None, None) => Self::NotInApi,
        }
    }

    /// The name in metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::QueryRange => "query_range",
            Self::QueryExemplars => "query_exemplars",
            Self::FormatQuery => "format_query",
            Self::ParseQuery => "parse_query",
            Self::Sql => "sql",
            Self::Series => "series",
            Self::Labels => "labels",
            Self::LabelValues(_) => "label_values",
            Self::Metadata => "metadata",
            Self::Targets => "targets",
            Self::ScrapePools => "scrape_pools",
            Self::Rules => "rules",
            Self::Alerts => "alerts",
            Self::Alertmanagers => "alertmanagers",
            Self::BuildInfo => "buildinfo",
            Self::RuntimeInfo => "runtimeinfo",
            Self::Config => "config",
            Self::Flags => "flags",
            Self::Tsdb => "tsdb",
            Self::WalReplay => "walreplay",
            Self::Tenants(_) => "tenants",
            Self::Read => "read",
            Self::Federate => "federate",
            Self::Flight => "flight",
            Self::Metrics => "metrics",
            Self::Healthy => "healthy",
            Self::Ready => "ready",
            Self::Lifecycle(Lifecycle::Reload) => "reload",
            Self::Lifecycle(Lifecycle::Quit) => "quit",
            Self::Page => "page",
            Self::NotInApi | Self::Nowhere => "other",
        }
    }

    /// Whether replies have Prometheus' envelope, and web pages may read them.
    pub(super) fn is_api(&self) -> bool {
        !matches!(
            self,
            Self::Federate
                | Self::Flight
                | Self::Metrics
                | Self::Healthy
                | Self::Ready
                | Self::Lifecycle(_)
                | Self::Page
                | Self::Nowhere
        )
    }

    /// The methods that it takes, as the header `Allow` lists them. All of the API takes `OPTIONS` too.
    pub(super) fn allow(&self) -> &'static str {
        match self {
            Self::Query | Self::QueryRange | Self::QueryExemplars | Self::FormatQuery | Self::ParseQuery => FORMS,
            Self::Sql | Self::Series | Self::Labels => FORMS,
            Self::Read => "OPTIONS, POST",
            Self::Flight => "POST",
            Self::Tenants(Some(_)) => "DELETE, GET, OPTIONS",
            Self::Lifecycle(_) => "POST, PUT",
            Self::Federate | Self::Metrics | Self::Healthy | Self::Ready | Self::Page | Self::Nowhere => "GET, HEAD",
            _ => "GET, OPTIONS",
        }
    }
    /// Whether it takes this method. What is not there takes any, to say so.
    pub(super) fn takes(&self, method: &Method) -> bool {
        let is_there = !matches!(self, Self::NotInApi | Self::Nowhere);
        !is_there || self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }
}
