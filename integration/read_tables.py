"""Counts and sums the samples of one metric as others see them: through the Delta tables of a tenant's directory.

usage: read_tables.py DIRECTORY METRIC

Replicas upload what each of them has, so a sample is there several times: it counts once, by series and timestamp.
Prints JSON: for each reader the count and the sum.
"""

import json
import sys

import duckdb
import polars
from deltalake import DeltaTable

directory, metric = sys.argv[1:3]
samples, series = DeltaTable(f"{directory}/raw"), DeltaTable(directory)

QUERY = """
    SELECT count(*) AS count, sum(value) AS sum FROM (
        SELECT DISTINCT series.series_id, samples.ts,
               CASE WHEN samples.mant IS NULL THEN samples.val ELSE samples.mant / pow(10, samples.scale) END AS value
        FROM samples JOIN series ON samples.block = series.block AND samples.series_ref = series.series_ref
        WHERE series.metric = ?
    )
"""


def with_duckdb():
    """DuckDB's SQL over its own Parquet reader, on the files that the tables name."""
    con = duckdb.connect()
    for name, table in [("samples", samples), ("series", series)]:
        files = [uri.removeprefix("file://") for uri in table.file_uris()]
        con.execute(
            f"CREATE VIEW {name} AS SELECT * FROM read_parquet({files!r}, hive_partitioning = true, union_by_name = true)"
        )
    return con.execute(QUERY, [metric]).fetchone()


def with_deltalake():
    """delta-rs, as Arrow, queried by DuckDB."""
    con = duckdb.connect()
    con.register("samples", samples.to_pyarrow_table())
    con.register("series", series.to_pyarrow_table(columns=["block", "series_ref", "series_id", "metric"]))
    return con.execute(QUERY, [metric]).fetchone()


def with_polars():
    """Polars' own reader of Delta tables."""
    value = (
        polars.when(polars.col("mant").is_null())
        .then(polars.col("val"))
        .otherwise(polars.col("mant") / polars.lit(10.0).pow(polars.col("scale").cast(polars.Float64)))
    )
    found = (
        polars.scan_delta(f"{directory}/raw")
        .select("block", "series_ref", "ts", value.alias("value"))
        .join(
            polars.scan_delta(directory).select("block", "series_ref", "series_id", "metric"),
            on=["block", "series_ref"],
        )
        .filter(polars.col("metric") == metric)
        .unique(["series_id", "ts"])
        .select(polars.len(), polars.col("value").sum())
        .collect()
    )
    return found.row(0)


answers = {"deltalake": with_deltalake(), "duckdb": with_duckdb(), "polars": with_polars()}
print(json.dumps({reader: {"count": count, "sum": total} for reader, (count, total) in answers.items()}))
