package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

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
