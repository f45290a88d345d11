package chaos_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

type database struct {
	dir    string
	server *embedded.Postgres
	disk   *disk // nil: its disk is not its own
}

func startDatabase(t testing.TB) *database {
	t.Helper()
	d := &database{disk: newDisk(t)}
	d.dir = d.disk.where(t)
	require.NoError(t, d.start())
	t.Cleanup(func() { require.NoError(t, d.server.Close()) })
	return d
}

// start starts it, again on the same address. Where that fails, the server that ended stays the one that is closed at the end.
func (d *database) start() error {
	server, err := embedded.StartPostgres(context.Background(), embedded.PostgresConfig{
		DataDir: d.dir, Logger: slog.New(slog.DiscardHandler), Settings: map[string]string{"max_connections": "300"},
	})
	if err == nil {
		d.server = server
	}
	return err
}

// kill is an immediate shutdown: every process of the server ends at once, and the next start recovers.
func (d *database) kill() error {
	raw, err := os.ReadFile(filepath.Join(d.dir, "data", "postmaster.pid"))
	if err != nil {
		return fmt.Errorf("find the database server: %w", err)
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return fmt.Errorf("find the database server: %w", err)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		return fmt.Errorf("kill the database server: %w", err)
	}
	<-d.server.Done()
	return d.server.Close()
}

// signal reaches every process of the server: they work in its directory.
func (d *database) signal(with syscall.Signal) error {
	reached := 0
	for _, pid := range leaks.Processes(d.dir) {
		if syscall.Kill(pid, with) == nil {
			reached++
		}
	}
	if reached == 0 {
		return fmt.Errorf("no process of the database server works in %s", d.dir)
	}
	return nil
}

func (d *database) via(addr string) string {
	u, err := url.Parse(d.server.URL())
	if err != nil {
		panic(err) // it was put together by the URL's own package
	}
	u.Host = addr
	return u.String()
}

func (d *database) addr() string {
	u, err := url.Parse(d.server.URL())
	if err != nil {
		panic(err) // see via
	}
	return u.Host
}

// unserializable makes every second transaction that folds fail, as after a concurrent writer.
const unserializable = `
	set lock_timeout = '2s';
	create or replace function public.chaos_overtaken() returns trigger language plpgsql as $$ begin
		if random() < 0.5 then
			raise exception 'could not serialize access due to concurrent update' using errcode = 'serialization_failure';
		end if;
		return null;
	end $$;
	create or replace trigger chaos_overtaken before update on lb_engine.checkpoints for each statement execute function public.chaos_overtaken()`

const serializable = `set lock_timeout = '2s'; drop trigger if exists chaos_overtaken on lb_engine.checkpoints;
	drop function if exists public.chaos_overtaken()`

// alter repeats statements that can be executed again until they have got their lock.
func (d *database) alter(sql string) error {
	return repeat(pauseAfterRefusal, func() error { return d.exec(sql) })
}
