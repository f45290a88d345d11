"""Reads files of tables as their users do, and prints what each reader found: a line of JSON per table and reader.

A column has a kind (number, time, date, bool, text or empty), the number of its values, and a sum if it has numbers.
"""

import csv
import datetime
import decimal
import glob
import io
import json
import os
import re
import subprocess
import sys

import duckdb
import openpyxl
import pandas
import polars
from csvkit.utilities.csvstat import CSVStat

config = json.loads(sys.argv[-1])


def say(case, reader, rows, columns):
    print(json.dumps({"case": case["name"], "reader": reader, "rows": rows, "columns": columns}), flush=True)


def kind_of(value):
    for kind, types in (
        ("bool", bool),
        ("number", (int, float, decimal.Decimal)),
        ("time", datetime.datetime),
        ("date", datetime.date),
    ):
        if isinstance(value, types):
            return kind
    return "text"


def column(values):
    """The values of a column that are not null."""
    kinds = {kind_of(v) for v in values}
    if not values:
        return {"kind": "empty", "count": 0}
    if len(kinds) > 1:
        return {"kind": "mixed: " + ", ".join(sorted(kinds)), "count": len(values)}
    kind = kinds.pop()
    found = {"kind": kind, "count": len(values)}
    if kind == "number":
        found["sum"] = float(sum(decimal.Decimal(str(v)) for v in values))
    if kind == "time":
        found["least"] = min(values).isoformat()
    return found


def columns_of(rows, width):
    return [column([row[i] for row in rows if i < len(row) and row[i] is not None]) for i in range(width)]


def by_duckdb(case):
    found = duckdb.execute("set timezone = 'UTC'; select * from read_csv(?)", [case["csv"]])
    width = len(found.description)
    rows = found.fetchall()
    say(case, "DuckDB", len(rows), columns_of(rows, width))


def by_pandas(case):
    table = pandas.read_csv(case["csv"])
    columns = []
    for name in table.columns:
        found = table[name].dropna()
        if pandas.api.types.is_bool_dtype(found.dtype) and len(found):
            columns.append({"kind": "bool", "count": len(found)})
        elif pandas.api.types.is_numeric_dtype(found.dtype) and len(found):
            columns.append({"kind": "number", "count": len(found), "sum": float(found.sum())})
        else:
            columns.append(column(found.to_list()))
    say(case, "pandas", len(table), columns)


def by_polars(case):
    table = polars.read_csv(case["csv"], try_parse_dates=True, infer_schema_length=None)
    say(case, "polars", len(table), columns_of(table.rows(), table.width))


def csvstat(*arguments):
    out = io.StringIO()
    CSVStat(args=["--snifflimit", "0", *arguments], output_file=out).run()
    return out.getvalue()


def by_csvkit(case):
    rows = int(csvstat("--count", case["csv"]).split()[-1])
    columns = []
    for stat in json.loads(csvstat("--json", "--no-leading-zeroes", case["csv"])) if rows else []:
        kind = {"Number": "number", "DateTime": "time", "Date": "date", "Boolean": "bool"}.get(stat["type"], "text")
        count = stat["nonnulls"]
        found = {"kind": kind if count else "empty", "count": count}
        if kind == "number" and count:
            found["sum"] = stat["sum"]
        columns.append(found)
    say(case, "csvkit", rows, columns)


def by_openpyxl(case):
    book = openpyxl.load_workbook(case["xlsx"], read_only=False)
    sheet = book[case["sheet"]]
    rows = list(sheet.iter_rows(values_only=True))[1:]
    say(case, "openpyxl", len(rows), columns_of(rows, case["width"]))


def by_duckdb_xlsx(case, connection):
    query = "select * from read_xlsx(?, sheet => ?, header => true, empty_as_varchar => true, stop_at_empty => false)"
    found = connection.execute(query, [case["xlsx"], case["sheet"]])
    rows = found.fetchall()
    say(case, "DuckDB, xlsx", len(rows), columns_of(rows, case["width"]))


locales = {
    "de-DE": {
        "number": r"-?\d{1,3}(\.\d{3})*(,\d+)?$",
        "date": (r"\d\d\.\d\d\.\d{2,4}$", ["%d.%m.%y", "%d.%m.%Y"]),
        "time": (r"\d\d\.\d\d\.\d{2,4} \d\d:\d\d$", ["%d.%m.%y %H:%M", "%d.%m.%Y %H:%M"]),
        "bool": ("WAHR", "FALSCH"),
        "marks": str.maketrans({".": "", ",": "."}),
    },
    "en-US": {
        "number": r"-?\d{1,3}(,\d{3})*(\.\d+)?$",
        "date": (r"\d\d?/\d\d?/\d{2,4}$", ["%m/%d/%y", "%m/%d/%Y"]),
        "time": (r"\d\d?/\d\d?/\d{2,4} \d\d?:\d\d( [AP]M)?$", ["%m/%d/%y %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%y %I:%M %p", "%m/%d/%Y %I:%M %p"]),
        "bool": ("TRUE", "FALSE"),
        "marks": str.maketrans({",": ""}),
    },
}


def shown(text, of, is_text):
    """The value that a person reads in a cell of LibreOffice."""
    if text == "":
        return None
    if is_text:
        return text
    if text in of["bool"]:
        return text == of["bool"][0]
    if re.match(of["number"], text):
        return decimal.Decimal(text.translate(of["marks"]))
    for kind in ("time", "date"):
        pattern, layouts = of[kind]
        if re.match(pattern, text):
            for layout in layouts:
                try:
                    at = datetime.datetime.strptime(text, layout)
                except ValueError:
                    continue
                return at if kind == "time" else at.date()
    return text


def by_libreoffice(cases, locale):
    home = os.path.join(config["home"], locale)
    profile = os.path.join(home, "profile")
    os.makedirs(os.path.join(profile, "user"))
    with open(os.path.join(profile, "user", "registrymodifications.xcu"), "w") as out:
        out.write(
            '<?xml version="1.0" encoding="UTF-8"?><oor:items xmlns:oor="http://openoffice.org/2001/registry">'
            '<item oor:path="/org.openoffice.Setup/L10N"><prop oor:name="ooSetupSystemLocale" oor:op="fuse">'
            f"<value>{locale}</value></prop></item></oor:items>"
        )
    books = sorted({c["xlsx"] for c in cases})
    # Comma, quote, UTF-8; texts are quoted, cells are as shown; a file per sheet.
    form = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,true,true,false,false,-1"
    run = ["soffice", "--headless", "--norestore", f"-env:UserInstallation=file://{profile}", "--convert-to", form, "--outdir", home]
    done = subprocess.run(run + books, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("soffice: " + done.stderr)
    for case in cases:
        book = os.path.splitext(os.path.basename(case["xlsx"]))[0]
        with open(os.path.join(home, f"{book}-{case['sheet']}.csv"), encoding="utf-8", newline="") as file:
            raw = file.read()
        rows = list(csv.reader(raw.splitlines(keepends=True)))[1:]
        texts = set(case["texts"])
        values = [[shown(cell, locales[locale], i in texts) for i, cell in enumerate(row)] for row in rows]
        say(case, "LibreOffice " + locale, len(values), columns_of(values, case["width"]))


def read_all(cases):
    extension = [
        file
        for path in sys.path
        for file in glob.glob(os.path.join(path, "duckdb_ext", "extensions", "**", "excel.duckdb_extension"), recursive=True)
    ][0]
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"load '{extension}'")
    for case in cases:
        for read in (by_duckdb, by_pandas, by_polars, by_csvkit, by_openpyxl):
            read(case)
        by_duckdb_xlsx(case, connection)
    for locale in locales:
        by_libreoffice(cases, locale)


sys.excepthook = sys.__excepthook__  # csvkit replaces it by one that leaves out where an error is
try:
    read_all(config["cases"])
finally:
    print(json.dumps({"case": "end"}), flush=True)
