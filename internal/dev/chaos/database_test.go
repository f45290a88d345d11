package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
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
		DataDir: d.dir, Logger: ledgertest.Quiet, Settings: map[string]string{"max_connections": "300"},
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

// roomy is the size of the disk while nothing is wrong with it. What is not used of it takes no memory.
const roomy = 4 << 30

// disk is a file system of its own, in memory, whose size can be changed.
type disk struct{ dir string }

// newDisk mounts one until the test ends; nil where that is not allowed.
func newDisk(t testing.TB) *disk {
	t.Helper()
	d := &disk{dir: t.TempDir()}
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, "mode=755,size="+strconv.Itoa(roomy)); err != nil {
		t.Logf("left out: the disk of PostgreSQL is not filled, because no file system can be mounted here (%s)", err)
		return nil
	}
	t.Cleanup(func() { _ = syscall.Unmount(d.dir, syscall.MNT_DETACH) })
	return d
}

func (d *disk) resize(bytes int64) error {
	return syscall.Mount("tmpfs", d.dir, "tmpfs", syscall.MS_REMOUNT, "size="+strconv.FormatInt(bytes, 10))
}

// fill leaves no room on it. What is written meanwhile counts as used, so that it is tried again.
func (d *disk) fill() (err error) {
	for range 100 {
		var now syscall.Statfs_t
		if err := syscall.Statfs(d.dir, &now); err != nil {
			return err
		}
		if err = d.resize(int64(now.Blocks-now.Bfree) * now.Bsize); err == nil {
			return nil
		}
	}
	return fmt.Errorf("fill the disk: %w", err)
}

// where is the directory of the database: on a disk of its own, if there is one.
func (d *disk) where(t testing.TB) string {
	if d == nil {
		return filepath.Join(t.TempDir(), "postgres")
	}
	return filepath.Join(d.dir, "postgres")
}

// relieve gives the disk its room back, and starts PostgreSQL if it has ended for want of it.
func (s *stack) relieve() error {
	if err := s.database.disk.resize(roomy); err != nil {
		return err
	}
	return repeat(100*time.Millisecond, func() error {
		select {
		case <-s.database.server.Done():
			return errors.Join(s.database.server.Close(), s.database.start())
		default:
			return s.database.exec("select 1")
		}
	})
}

func (d *database) exec(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), answeredWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, d.server.URL())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}
