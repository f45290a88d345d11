#!/usr/bin/env bash
# One would guess: a Go program that stores "Bäckerei" with pgx in a PostgreSQL database of encoding UTF8 stores these
# eight characters. Strings in Go are UTF-8, lib/pq says so to the server when it connects, and so do the drivers of
# other languages that have strings of their own.
#
# What happens: pgx says nothing, and takes what the server has as the default of the session. If an administrator gave
# the user or the database another one, as `alter role app set client_encoding = 'LATIN1'` for an older program does,
# the server converts each byte of the string as a character: "BÃ¤ckerei", of nine characters, is stored. pgx reads
# back what it wrote, so that its own tests pass; it does not find what others wrote, and reads it as bytes that
# are no UTF-8. No call returns an error. With ?client_encoding=UTF8 in its URL, pgx does what one would guess.
#
# Versions: github.com/jackc/pgx/v5 v5.12.0, github.com/lib/pq v1.10.9, PostgreSQL 17.5 and 15.18.
# Output seen:
#   pgx: inserted "Bäckerei", error <nil>; pq: inserted "Bäckerei", error <nil>
#   the row of pgx has 9 characters, the row of pq 8
#   pgx reads its row as "Bäckerei" and that of pq as "B\xe4ckerei"
#   pq reads its row as "Bäckerei" and that of pgx as "BÃ¤ckerei"
#   pgx finds 1 row named "Bäckerei"
#   pgx with client_encoding=UTF8 reads its old row as "BÃ¤ckerei" and that of pq as "Bäckerei"
#
# Why it matters: names and captions of a client look right in the program, and wrong in each report, export of the
# database and search of another program. The day the default is removed, they are wrong in the program too, and rows
# that are right and rows that are not cannot be told apart. A program must set the encoding of its sessions.
#
# Exits with 1 if the behavior changes. Needs Go, the module proxy, and Maven's registry, from which the program
# downloads PostgreSQL 17; or set POSTGRES to the folder of an installed one, which has bin/pg_ctl. As root, it runs
# both without rights, with setpriv.
set -euo pipefail
work=$(mktemp -d)
cd "$work"
# The program stops its server, except if it was killed.
trap 'kill -QUIT "$(head -n 1 data/postmaster.pid 2> /dev/null)" 2> /dev/null || true; cd /; rm -rf "$work"' EXIT

cat > go.mod << 'END'
module example.com/encoding

go 1.25
END
cat > main.go << 'END'
package main

import (
	"database/sql"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
)

const name = "Bäckerei"

func check[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	dir := check(os.Getwd())
	listener := check(net.Listen("tcp", "localhost:0"))
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	binaries := os.Getenv("POSTGRES")
	if binaries == "" {
		binaries = filepath.Join(dir, "binaries")
	}
	server := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().Version(embeddedpostgres.V17).
		Port(uint32(port)).CachePath(filepath.Join(dir, "archive")).RuntimePath(filepath.Join(dir, "runtime")).
		BinariesPath(binaries).DataPath(filepath.Join(dir, "data")).Logger(io.Discard).Encoding("UTF8").
		StartParameters(map[string]string{"unix_socket_directories": ""}))
	check(0, server.Start())
	defer server.Stop()
	open := func(driver, more string) *sql.DB {
		return check(sql.Open(driver, fmt.Sprintf("postgres://postgres:postgres@localhost:%d/postgres?sslmode=disable%s", port, more)))
	}
	admin := open("postgres", "")
	check(admin.Exec("create table pages (driver text, name text)"))
	check(admin.Exec("alter role postgres set client_encoding = 'LATIN1'"))

	pgx, pq := open("pgx", ""), open("postgres", "")
	insert := func(driver string, db *sql.DB) string {
		_, err := db.Exec("insert into pages values ($1, $2)", driver, name)
		return fmt.Sprintf("%s: inserted %q, error %v", driver, name, err)
	}
	fmt.Println(insert("pgx", pgx) + "; " + insert("pq", pq))
	read := func(db *sql.DB, what, driver string) (text string) {
		check(0, db.QueryRow("select "+what+" from pages where driver = $1", driver).Scan(&text))
		return text
	}
	fmt.Printf("the row of pgx has %s characters, the row of pq %s\n",
		read(pq, "char_length(name)", "pgx"), read(pq, "char_length(name)", "pq"))
	fmt.Printf("pgx reads its row as %q and that of pq as %q\n", read(pgx, "name", "pgx"), read(pgx, "name", "pq"))
	fmt.Printf("pq reads its row as %q and that of pgx as %q\n", read(pq, "name", "pq"), read(pq, "name", "pgx"))
	var found int
	check(0, pgx.QueryRow("select count(*) from pages where name = $1", name).Scan(&found))
	fmt.Printf("pgx finds %d row named %q\n", found, name)
	right := open("pgx", "&client_encoding=UTF8")
	fmt.Printf("pgx with client_encoding=UTF8 reads its old row as %q and that of pq as %q\n",
		read(right, "name", "pgx"), read(right, "name", "pq"))
}
END
{ go get github.com/jackc/pgx/v5/stdlib@v5.12.0 github.com/lib/pq@v1.10.9 github.com/fergusstrange/embedded-postgres@v1.34.0 &&
    go build -o encoding .; } > build.out 2>&1 || { cat build.out; exit 1; }
program=(./encoding)
if [ "$(id -u)" = 0 ]; then # with which PostgreSQL refuses to run
  chown 65534:65534 .
  program=(setpriv --reuid=65534 --regid=65534 --clear-groups ./encoding)
fi
TMPDIR=$work "${program[@]}" | tee out
diff out - << 'END' || { echo 'The behavior has changed.'; exit 1; }
pgx: inserted "Bäckerei", error <nil>; pq: inserted "Bäckerei", error <nil>
the row of pgx has 9 characters, the row of pq 8
pgx reads its row as "Bäckerei" and that of pq as "B\xe4ckerei"
pq reads its row as "Bäckerei" and that of pgx as "BÃ¤ckerei"
pgx finds 1 row named "Bäckerei"
pgx with client_encoding=UTF8 reads its old row as "BÃ¤ckerei" and that of pq as "Bäckerei"
END
