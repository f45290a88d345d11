#!/usr/bin/env bash
# One would guess: an instant that goes into a column of polars comes out as the same instant. Releases of autumn 2026
# know the rules for time zones that governments announced in spring, and all parts of one program use the same rules.
#
# What happens: polars has rules of its own, and those of 2.1.0, a release of October 2026, lack changes of 2026: since
# 1 November, clocks in British Columbia and Alberta are no longer set back, and Morocco is at UTC since September. A
# column takes day and hour from the old rules. Between Python and polars, the wall-clock time keeps its zone, and the
# other side reads it with its own rules: Python's tzdata has the new ones. The value becomes another instant, an hour
# off, in both directions. Nothing warns. DuckDB, in the same process, has the new rules; the zone files of Go 1.26.8,
# which programs contain that import time/tzdata, have the old ones.
#
# Versions: polars 2.1.0, duckdb 2.0.0, tzdata 2026.6 (PyPI), Python 3.11; Go 1.26.8.
# Output seen:
#   America/Vancouver: 2026-11-30 00:30 in Python, 2026-11-29 23:30 in polars; from polars -60 min, to polars +60 min
#   America/Edmonton: 2026-11-30 01:30 in Python, 2026-11-30 00:30 in polars; from polars -60 min, to polars +60 min
#   Africa/Casablanca: 2026-11-30 07:30 in Python, 2026-11-30 08:30 in polars; from polars +60 min, to polars -60 min
#   America/Los_Angeles: 2026-11-29 23:30 in Python, 2026-11-29 23:30 in polars; from polars +0 min, to polars +0 min
#   day in America/Vancouver: DuckDB 2026-11-30, polars 2026-11-29
#   Go's zone files: 2026-11-29 23:30 in America/Vancouver
#
# Why it matters: figures by day are cut at a client's midnight. For clients in Vancouver, Calgary or Casablanca, two
# tools put the posts of one hour on different days, and a publishing time that passes through polars in its zone is
# wrong for good. Give instants to polars in UTC, take them out in UTC, and convert to a zone in one place.
#
# Exits with 1 if the behavior changes. Needs Python with pip, Go, and the package registries.
set -euo pipefail
work=$(mktemp -d)
cd "$work"
trap 'cd /; rm -rf "$work"' EXIT

python3 -m pip install --quiet --disable-pip-version-check --no-deps --target site \
  polars==2.1.0 polars-runtime-32==2.1.0 duckdb==2.0.0 tzdata==2026.6 2> /dev/null

cat > zones.py << 'END'
import datetime
import zoneinfo

import duckdb
import polars

POST = datetime.datetime(2026, 11, 30, 7, 30, tzinfo=datetime.timezone.utc)


def minutes(value):
    return f"{(value.astimezone(datetime.timezone.utc) - POST) / datetime.timedelta(minutes=1):+.0f} min"


for zone in ("America/Vancouver", "America/Edmonton", "Africa/Casablanca", "America/Los_Angeles"):
    value = POST.astimezone(zoneinfo.ZoneInfo(zone))
    column = polars.Series([POST]).dt.convert_time_zone(zone)
    print(f"{zone}: {value:%Y-%m-%d %H:%M} in Python, {column.dt.strftime('%Y-%m-%d %H:%M')[0]} in polars;",
          f"from polars {minutes(column[0])}, to polars",
          minutes(polars.Series([value]).dt.convert_time_zone("UTC")[0]))

zone = "America/Vancouver"
duckdb.sql(f"set timezone = '{zone}'")
day = duckdb.sql(f"select ('{POST.isoformat()}'::timestamptz)::date").fetchall()[0][0]
print(f"day in {zone}: DuckDB {day}, polars {polars.Series([POST]).dt.convert_time_zone(zone).dt.date()[0]}")
END
cat > zones.go << 'END'
package main

import (
	"fmt"
	"time"
)

func main() {
	zone, err := time.LoadLocation("America/Vancouver")
	if err != nil {
		panic(err)
	}
	post := time.Date(2026, 11, 30, 7, 30, 0, 0, time.UTC)
	fmt.Println("Go's zone files:", post.In(zone).Format("2006-01-02 15:04"), "in", zone)
}
END
# Python and Go look at the machine's zone files first. With these settings, they use their own.
export GOTOOLCHAIN=go1.26.8
{ PYTHONTZPATH='' PYTHONPATH=site python3 -W error zones.py 2>&1
  ZONEINFO=$(go env GOROOT)/lib/time/zoneinfo.zip go run zones.go
} | tee seen
diff seen - << 'END' || { echo 'The behavior has changed.'; exit 1; }
America/Vancouver: 2026-11-30 00:30 in Python, 2026-11-29 23:30 in polars; from polars -60 min, to polars +60 min
America/Edmonton: 2026-11-30 01:30 in Python, 2026-11-30 00:30 in polars; from polars -60 min, to polars +60 min
Africa/Casablanca: 2026-11-30 07:30 in Python, 2026-11-30 08:30 in polars; from polars +60 min, to polars -60 min
America/Los_Angeles: 2026-11-29 23:30 in Python, 2026-11-29 23:30 in polars; from polars +0 min, to polars +0 min
day in America/Vancouver: DuckDB 2026-11-30, polars 2026-11-29
Go's zone files: 2026-11-29 23:30 in America/Vancouver
END
