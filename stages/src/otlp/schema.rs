//! The messages of requests: their fields by name.
//!
//! Source: `metrics.proto`, `common.proto` and `resource.proto` of OTLP 1.

/// A field of a message.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) number: u32,
    pub(super) of: Type,
}

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Type {
    /// A message of these fields. Some are in themselves.
    Message(fn() -> &'static [Field]),
    Text,
    Bool,
    Double,
    Fixed64,
    SignedFixed64,
    Unsigned,
    Signed,
    Zigzag,
    /// A number by its name.
    Enumeration(&'static [&'static str]),
    /// Bytes, as digits.
    Hexadecimal,
    /// Bytes.
    Base64,
}

/// `AggregationTemporality`.
const TEMPORALITIES: &[&str] =
    &["AGGREGATION_TEMPORALITY_UNSPECIFIED", "AGGREGATION_TEMPORALITY_DELTA", "AGGREGATION_TEMPORALITY_CUMULATIVE"];

const fn field(name: &'static str, number: u32, of: Type) -> Field {
    Field { name, number, of }
}

/// `ExportMetricsServiceRequest`.
pub(super) const REQUEST: &[Field] = &[field("resourceMetrics", 1, Type::Message(|| RESOURCE_METRICS))];

const RESOURCE_METRICS: &[Field] =
    &[field("resource", 1, Type::Message(|| RESOURCE)), field("scopeMetrics", 2, Type::Message(|| SCOPE_METRICS))];

const RESOURCE: &[Field] = &[field("attributes", 1, Type::Message(|| KEY_VALUE))];

const SCOPE_METRICS: &[Field] = &[field("metrics", 2, Type::Message(|| METRIC))];

const METRIC: &[Field] = &[
    field("name", 1, Type::Text),
    field("description", 2, Type::Text),
    field("unit", 3, Type::Text),
    field("gauge", 5, Type::Message(|| NUMBERS)),
    field("sum", 7, Type::Message(|| NUMBERS)),
    field("histogram", 9, Type::Message(|| HISTOGRAM)),
    field("exponentialHistogram", 10, Type::Message(|| EXPONENTIAL)),
    field("summary", 11, Type::Message(|| SUMMARY)),
];

/// `Gauge` has the first of `Sum` alone.
const NUMBERS: &[Field] = &[
    field("dataPoints", 1, Type::Message(|| NUMBER_POINT)),
    field("aggregationTemporality", 2, Type::Enumeration(TEMPORALITIES)),
    field("isMonotonic", 3, Type::Bool),
];

const HISTOGRAM: &[Field] = &[
    field("dataPoints", 1, Type::Message(|| HISTOGRAM_POINT)),
    field("aggregationTemporality", 2, Type::Enumeration(TEMPORALITIES)),
];

const EXPONENTIAL: &[Field] = &[
    field("dataPoints", 1, Type::Message(|| EXPONENTIAL_POINT)),
    field("aggregationTemporality", 2, Type::Enumeration(TEMPORALITIES)),
];

const SUMMARY: &[Field] = &[field("dataPoints", 1, Type::Message(|| SUMMARY_POINT))];

const NUMBER_POINT: &[Field] = &[
    field("startTimeUnixNano", 2, Type::Fixed64),
    field("timeUnixNano", 3, Type::Fixed64),
    field("asDouble", 4, Type::Double),
    field("exemplars", 5, Type::Message(|| EXEMPLAR)),
    field("asInt", 6, Type::SignedFixed64),
    field("attributes", 7, Type::Message(|| KEY_VALUE)),
    field("flags", 8, Type::Unsigned),
];

const HISTOGRAM_POINT: &[Field] = &[
    field("startTimeUnixNano", 2, Type::Fixed64),
    field("timeUnixNano", 3, Type::Fixed64),
    field("count", 4, Type::Fixed64),
    field("sum", 5, Type::Double),
    field("bucketCounts", 6, Type::Fixed64),
    field("explicitBounds", 7, Type::Double),
    field("exemplars", 8, Type::Message(|| EXEMPLAR)),
    field("attributes", 9, Type::Message(|| KEY_VALUE)),
    field("flags", 10, Type::Unsigned),
];

const EXPONENTIAL_POINT: &[Field] = &[
    field("attributes", 1, Type::Message(|| KEY_VALUE)),
    field("startTimeUnixNano", 2, Type::Fixed64),
    field("timeUnixNano", 3, Type::Fixed64),
    field("count", 4, Type::Fixed64),
    field("sum", 5, Type::Double),
    field("scale", 6, Type::Zigzag),
    field("zeroCount", 7, Type::Fixed64),
    field("positive", 8, Type::Message(|| BUCKETS)),
    field("negative", 9, Type::Message(|| BUCKETS)),
    field("flags", 10, Type::Unsigned),
    field("exemplars", 11, Type::Message(|| EXEMPLAR)),
    field("zeroThreshold", 14, Type::Double),
];

const BUCKETS: &[Field] = &[field("offset", 1, Type::Zigzag), field("bucketCounts", 2, Type::Unsigned)];

const SUMMARY_POINT: &[Field] = &[
    field("startTimeUnixNano", 2, Type::Fixed64),
    field("timeUnixNano", 3, Type::Fixed64),
    field("count", 4, Type::Fixed64),
    field("sum", 5, Type::Double),
    field("quantileValues", 6, Type::Message(|| QUANTILE)),
    field("attributes", 7, Type::Message(|| KEY_VALUE)),
    field("flags", 8, Type::Unsigned),
];

const QUANTILE: &[Field] = &[field("quantile", 1, Type::Double), field("value", 2, Type::Double)];

const EXEMPLAR: &[Field] = &[
    field("timeUnixNano", 2, Type::Fixed64),
    field("asDouble", 3, Type::Double),
    field("spanId", 4, Type::Hexadecimal),
    field("traceId", 5, Type::Hexadecimal),
    field("asInt", 6, Type::SignedFixed64),
    field("filteredAttributes", 7, Type::Message(|| KEY_VALUE)),
];

const KEY_VALUE: &[Field] = &[field("key", 1, Type::Text), field("value", 2, Type::Message(|| ANY_VALUE))];

const ANY_VALUE: &[Field] = &[
    field("stringValue", 1, Type::Text),
    field("boolValue", 2, Type::Bool),
    field("intValue", 3, Type::Signed),
    field("doubleValue", 4, Type::Double),
    field("arrayValue", 5, Type::Message(|| ARRAY)),
    field("kvlistValue", 6, Type::Message(|| KEY_VALUE_LIST)),
    field("bytesValue", 7, Type::Base64),
];

const ARRAY: &[Field] = &[field("values", 1, Type::Message(|| ANY_VALUE))];

const KEY_VALUE_LIST: &[Field] = &[field("values", 1, Type::Message(|| KEY_VALUE))];

// === impl Type ===

impl Type {
    /// What it is called in errors.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Message(_) => "an object",
            Self::Text => "a text",
            Self::Bool => "a boolean",
            Self::Double => "a number",
            Self::Fixed64 | Self::Unsigned => "a whole number of at least 0",
            Self::SignedFixed64 | Self::Signed | Self::Zigzag => "a whole number",
            Self::Enumeration(_) => "a number or a name of the enumeration",
            Self::Hexadecimal => "hexadecimal digits",
            Self::Base64 => "base64",
        }
    }
}
