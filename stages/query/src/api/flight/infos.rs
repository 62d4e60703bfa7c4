//! What the server can do, in the numbers of Flight SQL.
//!
//! Source: `SqlInfo` in `format/FlightSql.proto` of Apache Arrow.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Int32Array, Int32Builder, Int64Array, ListBuilder, MapBuilder, MapFieldNames,
    StringArray, UInt32Array, UnionArray, new_empty_array,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Field, Fields, Schema, UnionFields};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::sql::statement::MAX_BYTES;

/// What is said.
#[derive(Clone, Copy)]
enum Said {
    Text(&'static str),
    Flag(bool),
    Number(i64),
    Bits(i32),
    /// Which types can be cast to which, by their numbers in `SqlSupportsConvert`.
    Casts,
}

/// The types that can be cast to each other: BIGINT, BIT, FLOAT, REAL, TIMESTAMP and VARCHAR.
const CASTS: [i32; 6] = [0, 2, 6, 13, 16, 19];

/// What is said, by numbers.
const INFOS: [(u32, Said); 83] = [
    // Name and version of the server, the version of Arrow's format, that it only reads, and does so by SQL alone.
    (0, Said::Text("Weir")),
    (1, Said::Text(env!("CARGO_PKG_VERSION"))),
    (2, Said::Text("1.5")),
    (3, Said::Flag(true)),
    (4, Said::Flag(true)),
    (5, Said::Flag(false)),
    // No transactions, nothing to cancel but by going away, no ingestion, no timeouts that can be set.
    (8, Said::Bits(0)),
    (9, Said::Flag(false)),
    (10, Said::Flag(false)),
    (100, Said::Bits(0)),
    (101, Said::Bits(0)),
    // No catalogs, schemas and tables are made.
    (500, Said::Flag(false)),
    (501, Said::Flag(false)),
    (502, Said::Flag(false)),
    // Names are small letters, or as they are between quotes, for which there is no word.
    (503, Said::Number(3)),
    (504, Said::Text("\"")),
    (505, Said::Number(0)),
    (506, Said::Flag(true)),
    // NULL is greater than everything.
    (507, Said::Number(0)),
    (513, Said::Text("\\")),
    (514, Said::Text("")),
    // Aliases of columns, NULL + NULL, casts, aliases of tables that may be what tables are called, expressions and other columns
    // in ORDER BY.
    (515, Said::Flag(true)),
    (516, Said::Flag(true)),
    (517, Said::Casts),
    (518, Said::Flag(true)),
    (519, Said::Flag(false)),
    (520, Said::Flag(true)),
    (521, Said::Flag(true)),
    // GROUP BY of columns that are not selected and of more than those, LIKE … ESCAPE, columns that are never NULL.
    (522, Said::Bits(0b11)),
    (523, Said::Flag(true)),
    (524, Said::Flag(true)),
    // Grammar: the minimum and the core, the entry level of ANSI 92. No integrity enhancement. Full outer joins.
    (525, Said::Bits(0b11)),
    (526, Said::Bits(0b1)),
    (527, Said::Flag(false)),
    (528, Said::Bits(2)),
    // What schemas, procedures and catalogs are called, and that the latter come first.
    (529, Said::Text("schema")),
    (530, Said::Text("procedure")),
    (531, Said::Text("catalog")),
    (532, Said::Flag(true)),
    // Neither stands in definitions, nothing is updated at a position.
    (533, Said::Bits(0)),
    (534, Said::Bits(0)),
    (535, Said::Bits(0)),
    // No SELECT FOR UPDATE and no procedures. Subqueries in comparisons, EXISTS, IN and with ANY, correlated ones too; unions.
    (536, Said::Flag(false)),
    (537, Said::Flag(false)),
    (538, Said::Bits(0b1111)),
    (539, Said::Flag(true)),
    (540, Said::Bits(0b11)),
    // No limits that are known: literals, names, columns, connections, cursors, rows.
    (541, Said::Number(0)),
    (542, Said::Number(0)),
    (543, Said::Number(0)),
    (544, Said::Number(0)),
    (545, Said::Number(0)),
    (546, Said::Number(0)),
    (547, Said::Number(0)),
    (548, Said::Number(0)),
    (549, Said::Number(0)),
    (550, Said::Number(0)),
    (551, Said::Number(0)),
    (552, Said::Number(0)),
    (553, Said::Number(0)),
    (554, Said::Number(0)),
    (555, Said::Number(0)),
    (556, Said::Flag(true)),
    // The longest statement.
    (557, Said::Number(MAX_BYTES as i64)),
    (558, Said::Number(0)),
    (559, Said::Number(0)),
    (560, Said::Number(0)),
    (561, Said::Number(0)),
    // No transactions, so no isolation between them but none, and nothing is defined in them.
    (562, Said::Number(0)),
    (563, Said::Flag(false)),
    (564, Said::Bits(0b1)),
    (565, Said::Flag(false)),
    (566, Said::Flag(false)),
    // Rows come once, forwards, and are only read.
    (567, Said::Bits(0b11)),
    (568, Said::Bits(0b10)),
    (569, Said::Bits(0b10)),
    (570, Said::Bits(0)),
    (571, Said::Bits(0)),
    // No batches of updates, savepoints, names of parameters, large objects, and calls of functions as procedures.
    (572, Said::Flag(false)),
    (573, Said::Flag(false)),
    (574, Said::Flag(false)),
    (575, Said::Flag(false)),
    (576, Said::Flag(false)),
];

/// What is said of these numbers; of all where there is none.
///
/// # Errors
/// None is known.
pub(super) fn batch(asked: &[u32]) -> Result<RecordBatch, ArrowError> {
    let said: Vec<(u32, Said)> =
        INFOS.into_iter().filter(|(number, _)| asked.is_empty() || asked.contains(number)).collect();
    let (mut texts, mut flags, mut numbers, mut bits) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut maps = casts_builder();
    let (mut kinds, mut places) = (Vec::new(), Vec::new());
    for (_, said) in &said {
        let (kind, place) = match *said {
            Said::Text(text) => (0, put(&mut texts, text)),
            Said::Flag(flag) => (1, put(&mut flags, flag)),
            Said::Number(number) => (2, put(&mut numbers, number)),
            Said::Bits(of_value) => (3, put(&mut bits, of_value)),
            Said::Casts => (5, put_casts(&mut maps)?),
        };
        kinds.push(kind);
        places.push(place);
    }
    let fields = kinds_of_values();
    let mut children: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(texts)),
        Arc::new(BooleanArray::from(flags)),
        Arc::new(Int64Array::from(numbers)),
        Arc::new(Int32Array::from(bits)),
    ];
    // Lists are not said.
    children.extend(fields.iter().skip(4).take(1).map(|(_, field)| new_empty_array(field.data_type())));
    children.push(Arc::new(maps.finish()));
    let values = UnionArray::try_new(fields, ScalarBuffer::from(kinds), Some(ScalarBuffer::from(places)), children)?;
    let names: UInt32Array = said.iter().map(|(number, _)| Some(*number)).collect();
    let schema = Schema::new(vec![
        Field::new("info_name", DataType::UInt32, false),
        Field::new("value", values.data_type().clone(), false),
    ]);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(names), Arc::new(values)])
}

/// Adds a value, and says where it is.
fn put<T>(values: &mut Vec<T>, value: T) -> i32 {
    values.push(value);
    i32::try_from(values.len() - 1).unwrap_or(i32::MAX)
}

/// Maps as values have them.
fn casts_builder() -> MapBuilder<Int32Builder, ListBuilder<Int32Builder>> {
    let names = MapFieldNames { entry: "entries".into(), key: "keys".into(), value: "values".into() };
    MapBuilder::new(Some(names), Int32Builder::new(), ListBuilder::new(Int32Builder::new()))
}

/// Adds which types can be cast to which, and says where it is.
fn put_casts(maps: &mut MapBuilder<Int32Builder, ListBuilder<Int32Builder>>) -> Result<i32, ArrowError> {
    for from in CASTS {
        maps.keys().append_value(from);
        maps.values().append_value(CASTS.map(Some));
    }
    maps.append(true)?;
    Ok(0)
}

/// What a value may be.
fn kinds_of_values() -> UnionFields {
    let list = |of: DataType| DataType::List(Arc::new(Field::new("item", of, true)));
    let entries = Fields::from(vec![
        Field::new("keys", DataType::Int32, false),
        Field::new("values", list(DataType::Int32), true),
    ]);
    let map = DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false);
    UnionFields::from_fields(vec![
        Field::new("string_value", DataType::Utf8, false),
        Field::new("bool_value", DataType::Boolean, false),
        Field::new("bigint_value", DataType::Int64, false),
        Field::new("int32_bitmask", DataType::Int32, false),
        Field::new("string_list", list(DataType::Utf8), true),
        Field::new("int32_to_int32_list_map", map, true),
    ])
}
