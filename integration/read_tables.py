"""Counts and sums the samples of one metric as others see them: through the Delta tables of a tenant.

usage: read_tables.py TABLE METRIC

TABLE is a directory, or `s3://BUCKET/TENANT`; then AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY say
where and with which key. Over S3 there is no answer of DuckDB's own Parquet reader: what it needs for S3 is no part of it.

A sample may be there several times, where stores upload what each of them has: it counts once, by series and timestamp.
Prints JSON: for each reader the count and the sum, how many exemplars there are, and of which type the metric is.
"""

import json
import os
import sys

import duckdb
import polars
from deltalake import DeltaTable

table, metric = sys.argv[1:3]
is_s3 = table.startswith("s3://")
variables = ["AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
options = {name: os.environ[name] for name in variables} | {"AWS_ALLOW_HTTP": "true"} if is_s3 else None
samples, series = (DeltaTable(name, storage_options=options) for name in [f"{table}/raw", table])

QUERY = """
    SELECT count(*) AS count, sum(value) AS sum FROM (
        SELECT DISTINCT series.series_id, samples.ts,
               CASE WHEN samples.mant IS NULL THEN samples.val ELSE samples.mant / pow(10, samples.scale) END AS value
        FROM samples JOIN series ON samples.block = series.block AND samples.series_ref = series.series_ref
        WHERE series.metric = ?
    )
"""

BESIDE = """
    SELECT (
        SELECT count(*) FROM (
            SELECT DISTINCT series_id, exemplar.ts
            FROM (SELECT series_id, unnest(exemplars) AS exemplar FROM series WHERE metric = $metric)
        )
    ), (SELECT max(type) FROM series WHERE metric = $metric)
"""


def asked(con):
    return con.execute(QUERY, [metric]).fetchone() + con.execute(BESIDE, {"metric": metric}).fetchone()


def with_duckdb():
    """DuckDB's SQL over its own Parquet reader, on the files that the tables name."""
    con = duckdb.connect()
    for name, read in [("samples", samples), ("series", series)]:
        files = [uri.removeprefix("file://") for uri in read.file_uris()]
        con.execute(
            f"CREATE VIEW {name} AS SELECT * FROM read_parquet({files!r}, hive_partitioning = true, union_by_name = true)"
        )
    return asked(con)


def with_deltalake():
    """delta-rs, as Arrow, queried by DuckDB."""
    con = duckdb.connect()
    con.register("samples", samples.to_pyarrow_table())
    columns = ["block", "series_ref", "series_id", "metric", "exemplars", "type"]
    con.register("series", series.to_pyarrow_table(columns=columns))
    return asked(con)


def with_polars():
    """Polars' own reader of Delta tables."""
    value = (
        polars.when(polars.col("mant").is_null())
        .then(polars.col("val"))
        .otherwise(polars.col("mant") / polars.lit(10.0).pow(polars.col("scale").cast(polars.Float64)))
    )
    found = (
        polars.scan_delta(f"{table}/raw", storage_options=options)
        .select("block", "series_ref", "ts", value.alias("value"))
        .join(
            polars.scan_delta(table, storage_options=options).select("block", "series_ref", "series_id", "metric"),
            on=["block", "series_ref"],
        )
        .filter(polars.col("metric") == metric)
        .unique(["series_id", "ts"])
        .select(polars.len(), polars.col("value").sum())
        .collect()
    )
    beside = polars.scan_delta(table, storage_options=options).filter(polars.col("metric") == metric).collect()
    exemplars = beside.select("series_id", "exemplars").explode("exemplars").unnest("exemplars").drop_nulls("ts")
    return *found.row(0), exemplars.unique(["series_id", "ts"]).height, beside["type"].max()


answers = {"deltalake": with_deltalake(), "polars": with_polars()}
if not is_s3:
    answers["duckdb"] = with_duckdb()
names = ["count", "sum", "exemplars", "type"]
print(json.dumps({reader: dict(zip(names, answer, strict=True)) for reader, answer in answers.items()}))
