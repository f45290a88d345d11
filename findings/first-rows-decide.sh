#!/usr/bin/env bash
# One would guess: a table made of a list of dicts has all fields of all dicts, and if a number does not fit the type
# that the rows before it suggested, the column gets a wider type or there is an error.
#
# What happens: polars decides by the first 100 dicts. A field that the 101st is the first to have is dropped, and after
# 100 integers, 0.75 becomes 0; a text after integers is an error. read_ndjson drops the field, too; read_json, given
# the same posts in an array, raises an error. pyarrow decides by the first dict. DuckDB's read_json drops a field that
# comes after the 20,480 objects of its sample, and 0.75 becomes 1. Nothing warns, and the number of rows is right.
# pandas keeps all.
#
# Versions: polars 2.1.0, pyarrow 26.0.1, duckdb 2.0.0, pandas 3.1.1 (PyPI); Python 3.11.
# Output seen:
#   pandas.DataFrame, last of 101 posts: rate 0.75, shares 500.0
#   polars.DataFrame, last of 100 posts: rate 0.75, shares 500
#   polars.DataFrame, last of 101 posts: rate 0, no shares
#   polars.DataFrame, all rows read, last of 101 posts: rate 0.75, shares 500
#   polars.read_ndjson, last of 101 posts: rate 1, no shares
#   polars.read_json, last of 101 posts: ComputeError
#   pyarrow.Table.from_pylist, last of 2 posts: rate 0.75, no shares
#   duckdb.read_json, last of 20480 posts: rate 0.75, shares 500
#   duckdb.read_json, last of 20481 posts: rate 1, no shares
#   duckdb.read_json, all rows read, last of 20481 posts: rate 0.75, shares 500
#   polars.DataFrame, a text after 100 integers: ComputeError
#
# Why it matters: platforms leave out what a post does not have, for example Facebook the `shares` of a post that was
# never shared. If the newest hundred posts have none, a report loses all shares; a rate that was whole for long loses
# its fractions. Tests with a few rows find nothing. Name the columns and types, or have all rows read
# (`infer_schema_length=None`, `sample_size=-1`). An API does better to send null than to leave a field out.
#
# Exits with 1 if the behavior changes. Needs Python with pip, and the package registry.
set -euo pipefail
work=$(mktemp -d)
cd "$work"
trap 'cd /; rm -rf "$work"' EXIT

python3 -m pip install --quiet --disable-pip-version-check --no-deps --target site \
  polars==2.1.0 polars-runtime-32==2.1.0 pyarrow==26.0.1 duckdb==2.0.0 \
  pandas==3.1.1 numpy==2.4.6 python-dateutil==2.9.0.post0 six==1.17.0 2> /dev/null

cat > read.py << 'END'
import json

import duckdb
import pandas
import polars
import pyarrow


def posts(before, rate):
    """Posts where only the last was shared, and may have a rate that is not a whole number."""
    return [{"id": str(n), "rate": 1} for n in range(before)] + [{"id": "last", "rate": rate, "shares": 500}]


def write(name, lines):
    with open(name, "w") as file:
        file.write("\n".join(map(json.dumps, lines)))
    return name


def show(tool, before, read, rate=0.75):
    try:
        table = read(posts(before, rate))
        columns = list(table.column_names if isinstance(table, pyarrow.Table) else table.columns)
        shares = f"shares {table['shares'][before]}" if "shares" in columns else "no shares"
        print(f"{tool}, last of {before + 1} posts: rate {table['rate'][before]}, {shares}")
    except Exception as error:
        print(f"{tool}, last of {before + 1} posts: {type(error).__name__}")


show("pandas.DataFrame", 100, pandas.DataFrame)
show("polars.DataFrame", 99, polars.DataFrame)
show("polars.DataFrame", 100, polars.DataFrame)
show("polars.DataFrame, all rows read", 100, lambda rows: polars.DataFrame(rows, infer_schema_length=None))
show("polars.read_ndjson", 100, lambda rows: polars.read_ndjson(write("posts.ndjson", rows)), 1)
show("polars.read_json", 100, lambda rows: polars.read_json(write("posts.json", [rows])), 1)
show("pyarrow.Table.from_pylist", 1, pyarrow.Table.from_pylist)
show("duckdb.read_json", 20_479, lambda rows: duckdb.read_json(write("posts.ndjson", rows)).pl())
show("duckdb.read_json", 20_480, lambda rows: duckdb.read_json(write("posts.ndjson", rows)).pl())
show("duckdb.read_json, all rows read", 20_480,
     lambda rows: duckdb.read_json(write("posts.ndjson", rows), sample_size=-1).pl())
try:
    polars.DataFrame([{"rate": 1}] * 100 + [{"rate": "x"}])
except Exception as error:
    print(f"polars.DataFrame, a text after 100 integers: {type(error).__name__}")
END
PYTHONPATH=site python3 -W error read.py 2>&1 | tee seen
diff seen - << 'END' || { echo 'The behavior has changed.'; exit 1; }
pandas.DataFrame, last of 101 posts: rate 0.75, shares 500.0
polars.DataFrame, last of 100 posts: rate 0.75, shares 500
polars.DataFrame, last of 101 posts: rate 0, no shares
polars.DataFrame, all rows read, last of 101 posts: rate 0.75, shares 500
polars.read_ndjson, last of 101 posts: rate 1, no shares
polars.read_json, last of 101 posts: ComputeError
pyarrow.Table.from_pylist, last of 2 posts: rate 0.75, no shares
duckdb.read_json, last of 20480 posts: rate 0.75, shares 500
duckdb.read_json, last of 20481 posts: rate 1, no shares
duckdb.read_json, all rows read, last of 20481 posts: rate 0.75, shares 500
polars.DataFrame, a text after 100 integers: ComputeError
END
