#!/usr/bin/env bash
# One would guess: a projection of github.com/hallgren/eventsourcing on its PostgreSQL store gets each stored event
# once, also if several processes append, because it reads in the order of a sequence and goes on after the last
# number that it has read.
#
# What happens: PostgreSQL assigns the number when the row is inserted, and others see the row when it is committed.
# If a transaction with a smaller number commits after one with a larger number was read, the projection goes on after
# the larger number and never reads the smaller one, neither if it keeps running nor if it restarts from its position.
# No call returns an error. Only a projection that starts again from the first event reads both.
# Other stores have had reports of the same: commanded/eventstore, prooph/pdo-event-store, Eventuous.
# The delayed commit is one that a slow network or a busy process could cause: the program holds the commit of one
# connection in the client. The database, the store and the projection are used as they are.
#
# Versions: github.com/hallgren/eventsourcing v0.8.0, its core v0.5.2 and its eventstore/sql v0.7.0,
# github.com/jackc/pgx/v5 v5.12.0, PostgreSQL 17.5 and 15.18.
# Output seen:
#   a is inserted, its commit is on the way
#   save b: number 2, error <nil>
#   projection, first run: read [2 b], error <nil>
#   save a: number 1, error <nil>
#   projection, second run: read [], error <nil>
#   projection, restarted after 2: read [], error <nil>
#   new projection from 1: read [1 a] [2 b], error <nil>
#
# Why it matters: an event log in a table with a sequence loses events in its read models, in silence, as soon as two
# writers are active: a dashboard lacks readings that the log has. Such a reader must wait for the transactions that
# are still open, or appends must come one at a time. A partition of Kafka has no such gap: an offset is assigned by one
# leader in the order in which consumers read. That is why our read models fold partitions.
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
module example.com/gap

go 1.25
END
cat > main.go << 'END'
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
	"github.com/hallgren/eventsourcing"
	"github.com/hallgren/eventsourcing/aggregate"
	"github.com/hallgren/eventsourcing/core"
	"github.com/hallgren/eventsourcing/eventstore/sql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

type published struct{}

type post struct{ aggregate.Root }

func (*post) Transition(eventsourcing.Event)           {}
func (*post) Register(register aggregate.RegisterFunc) { register(&published{}) }

// delay holds the commit of each transaction that has inserted an event.
type delay struct {
	inserting         bool
	inserted, release chan struct{}
}

func (d *delay) TraceQueryStart(ctx context.Context, _ *pgx.Conn, query pgx.TraceQueryStartData) context.Context {
	switch {
	case query.SQL == "commit" && d.inserting:
		close(d.inserted)
		<-d.release
	case strings.HasPrefix(query.SQL, "INSERT INTO events"):
		d.inserting = true
	}
	return ctx
}

func (*delay) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

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
		BinariesPath(binaries).DataPath(filepath.Join(dir, "data")).Logger(io.Discard).
		StartParameters(map[string]string{"unix_socket_directories": ""}))
	check(0, server.Start())
	defer server.Stop()
	open := func(tracer pgx.QueryTracer) *sql.Postgres {
		config := check(pgx.ParseConfig(fmt.Sprintf("postgres://postgres:postgres@localhost:%d/postgres", port)))
		config.Tracer = tracer
		return check(sql.NewPostgres(stdlib.OpenDB(*config)))
	}

	time.AfterFunc(time.Minute, func() {
		fmt.Println("A call waits for the open transaction.")
		os.Exit(1)
	})
	aggregate.Register(&post{})
	slow := &delay{inserted: make(chan struct{}), release: make(chan struct{})}
	slowStore, store := open(slow), open(nil)
	defer slowStore.Close()
	defer store.Close()
	save := func(id string, store *sql.Postgres) {
		p := &post{}
		check(0, p.SetID(id))
		aggregate.TrackChange(p, &published{})
		err := aggregate.Save(store, p)
		fmt.Printf("save %s: number %d, error %v\n", id, p.GlobalVersion(), err)
	}
	var read string
	projection := func(first core.Version) *eventsourcing.Projection {
		var fetch func() (core.Iterator, error) = store.All(first)
		return eventsourcing.NewProjection(fetch, func(e eventsourcing.Event) error {
			read += fmt.Sprintf(" [%d %s]", e.GlobalVersion(), e.AggregateID())
			return nil
		})
	}
	run := func(name string, p *eventsourcing.Projection) eventsourcing.ProjectionResult {
		read = ""
		result := p.RunToEnd(context.Background())
		if read == "" {
			read = " []"
		}
		fmt.Printf("%s: read%s, error %v\n", name, read, result.Error)
		return result
	}

	saved := make(chan struct{})
	go func() {
		defer close(saved)
		save("a", slowStore)
	}()
	select {
	case <-slow.inserted:
		fmt.Println("a is inserted, its commit is on the way")
	case <-saved:
		panic("the store did not use one transaction")
	}
	save("b", store)
	running := projection(1)
	last := core.Version(run("projection, first run", running).LastHandledEvent.GlobalVersion())
	close(slow.release)
	<-saved
	run("projection, second run", running)
	run(fmt.Sprintf("projection, restarted after %d", last), projection(last+1))
	run("new projection from 1", projection(1))
}
END
{ go get github.com/hallgren/eventsourcing@v0.8.0 github.com/hallgren/eventsourcing/core@v0.5.2 \
    github.com/hallgren/eventsourcing/eventstore/sql@v0.7.0 github.com/jackc/pgx/v5/stdlib@v5.12.0 \
    github.com/fergusstrange/embedded-postgres@v1.34.0 && go build -o gap .; } > build.out 2>&1 ||
  { cat build.out; exit 1; }
program=(./gap)
if [ "$(id -u)" = 0 ]; then # with which PostgreSQL refuses to run
  chown 65534:65534 .
  program=(setpriv --reuid=65534 --regid=65534 --clear-groups ./gap)
fi
TMPDIR=$work "${program[@]}" | tee out
diff out - << 'END' || { echo 'The behavior has changed.'; exit 1; }
a is inserted, its commit is on the way
save b: number 2, error <nil>
projection, first run: read [2 b], error <nil>
save a: number 1, error <nil>
projection, second run: read [], error <nil>
projection, restarted after 2: read [], error <nil>
new projection from 1: read [1 a] [2 b], error <nil>
END
