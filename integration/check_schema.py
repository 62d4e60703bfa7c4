"""Checks documents against a JSON Schema: {"schema": …, "documents": [{"name": …, "of": …, "value": …}]} on standard input,
{name: [mistake, …]} on standard output. `of` is the name of a definition, or null for the whole schema."""

import json
import sys

from jsonschema import Draft202012Validator

asked = json.load(sys.stdin)
schema = asked["schema"]
Draft202012Validator.check_schema(schema)
found = {}
for document in asked["documents"]:
    of = document["of"]
    wanted = schema if of is None else {"$defs": schema["$defs"], "$ref": f"#/$defs/{of}"}
    mistakes = Draft202012Validator(wanted).iter_errors(document["value"])
    found[document["name"]] = [f"{mistake.json_path}: {mistake.message[:300]}" for mistake in mistakes]
json.dump(found, sys.stdout)
