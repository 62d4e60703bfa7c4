"""Asks a server over Arrow Flight SQL with ADBC's driver, as pandas does.

usage: flight_client.py URI OPTIONS STATEMENT

OPTIONS is a JSON object of options of the driver. Prints JSON: what the driver says of the server, the tables, the columns of
each, the rows of the statement as pandas has them, and what is refused.
"""

import json
import sys

import adbc_driver_flightsql.dbapi
import adbc_driver_manager
import pandas

uri, options, statement = sys.argv[1:4]
options = json.loads(options)


def refused(ask):
    """The class and the text of the error."""
    try:
        ask()
    except (adbc_driver_manager.Error, pandas.errors.DatabaseError) as error:
        return [type(error).__name__, str(error)]
    return None


with adbc_driver_flightsql.dbapi.connect(uri, db_kwargs=options, autocommit=True) as connection:
    said = {"server": connection.adbc_get_info()["vendor_name"]}
    objects = connection.adbc_get_objects(depth="all").read_all().to_pylist()
    said["tables"] = {
        f"{catalog['catalog_name']}.{schema['db_schema_name']}.{table['table_name']}": [
            column["column_name"] for column in table["table_columns"]
        ]
        for catalog in objects
        for schema in catalog["catalog_db_schemas"]
        for table in schema["db_schema_tables"]
    }
    said["types"] = connection.adbc_get_table_types()
    said["columns"] = {
        field.name: str(field.type) for field in connection.adbc_get_table_schema("crash_total", db_schema_filter="metrics")
    }
    frame = pandas.read_sql(statement, connection)
    said["frame"] = {"dtypes": {name: str(dtype) for name, dtype in frame.dtypes.items()}, "rows": frame.values.tolist()}
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM generate_series(1, 200000)")
        said["many"] = sum(batch.num_rows for batch in cursor.fetch_record_batch())
        said["planned"] = str(cursor.adbc_execute_schema("SELECT 1 AS one"))
        said["unknown"] = refused(lambda: cursor.execute("SELECT * FROM nothing_of_this_name"))
        said["parameters"] = refused(lambda: cursor.execute("SELECT $1", ["x"]))
        said["update"] = refused(lambda: cursor.executescript("DELETE FROM crash_total"))
        said["ingest"] = refused(lambda: cursor.adbc_ingest("new", cursor.execute("SELECT 1 AS one").fetch_arrow_table()))

print(json.dumps(said, default=str))
