#!/usr/bin/env bash
# One would guess: ids that a workbook holds as texts are texts when pandas reads it. A cell of a workbook has a type,
# unlike one of a CSV file, and ids are written as texts so that no program rounds them.
#
# What happens: read_excel guesses the type of a column again, from the texts. If all of them look like numbers, the
# column is one of numbers; if one cell is empty, of floats. The ids of two posts become the same float, and a sum by
# post adds the figures of both. Without the empty cell the same ids are exact integers, so that a test with complete
# rows finds nothing. There is no error and no warning; both engines do it. `dtype={"post": str}` keeps the texts.
#
# Versions: pandas 3.1.1, openpyxl 3.1.5, python-calamine 0.9.1 (PyPI); Python 3.11.
# Output seen:
#   the workbook: 7300000000000000001 (text) 7300000000000000002 (text) empty
#   openpyxl, all rows: float64, posts: 7300000000000000000 with 300
#   openpyxl, without the empty cell: int64, posts: 7300000000000000001 with 100, 7300000000000000002 with 200
#   openpyxl, post as str: str, posts: 7300000000000000001 with 100, 7300000000000000002 with 200
#   calamine, all rows: float64, posts: 7300000000000000000 with 300
#   calamine, without the empty cell: int64, posts: 7300000000000000001 with 100, 7300000000000000002 with 200
#   calamine, post as str: str, posts: 7300000000000000001 with 100, 7300000000000000002 with 200
#
# Why it matters: the ids of TikTok's videos and of Instagram's accounts have 17 to 19 digits, and an export has rows
# without a post, for example those of the account. A report made of a workbook counts too few posts and gives one the
# reach of several, although the file holds the ids as texts. Ids need `dtype`, also in workbooks.
#
# Exits with 1 if the behavior changes. Needs Python with pip, and the package registry.
set -euo pipefail
work=$(mktemp -d)
cd "$work"
trap 'cd /; rm -rf "$work"' EXIT

python3 -m pip install --quiet --disable-pip-version-check --no-deps --target site \
  pandas==3.1.1 numpy==2.4.6 python-dateutil==2.9.0.post0 six==1.17.0 openpyxl==3.1.5 et-xmlfile==2.0.0 \
  python-calamine==0.9.1 2> /dev/null

cat > read.py << 'END'
import openpyxl
import pandas

book = openpyxl.Workbook()
for row in (["post", "reach"], ["7300000000000000001", 100], ["7300000000000000002", 200], [None, 50]):
    book.active.append(row)
book.save("posts.xlsx")
cells = [sheet_row[0] for sheet_row in openpyxl.load_workbook("posts.xlsx").active.iter_rows(min_row=2)]
print("the workbook:", *(f"{c.value} (text)" if c.data_type == "s" else "empty" for c in cells))

for engine in ("openpyxl", "calamine"):
    ways = {"all rows": {}, "without the empty cell": {"nrows": 2}, "post as str": {"dtype": {"post": str}}}
    for what, options in ways.items():
        table = pandas.read_excel("posts.xlsx", engine=engine, **options)
        sums = table.groupby("post")["reach"].sum()
        posts = (f"{post if isinstance(post, str) else int(post)} with {reach}" for post, reach in sums.items())
        print(f"{engine}, {what}: {table['post'].dtype}, posts: {', '.join(posts)}")
END
# A warning would be an error, and what is written to the standard error is compared, too.
PYTHONPATH=site python3 -W error read.py 2>&1 | tee seen
diff seen - << 'END' || { echo 'The behavior has changed.'; exit 1; }
the workbook: 7300000000000000001 (text) 7300000000000000002 (text) empty
openpyxl, all rows: float64, posts: 7300000000000000000 with 300
openpyxl, without the empty cell: int64, posts: 7300000000000000001 with 100, 7300000000000000002 with 200
openpyxl, post as str: str, posts: 7300000000000000001 with 100, 7300000000000000002 with 200
calamine, all rows: float64, posts: 7300000000000000000 with 300
calamine, without the empty cell: int64, posts: 7300000000000000001 with 100, 7300000000000000002 with 200
calamine, post as str: str, posts: 7300000000000000001 with 100, 7300000000000000002 with 200
END
