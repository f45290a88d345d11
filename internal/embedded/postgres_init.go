package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ledgerboard/ledgerboard/internal/durable"
)

// initCluster makes the cluster beside its place and moves it there when it is whole: a kill in the middle leaves
// nothing that looks like a cluster.
func (p *Postgres) initCluster(ctx context.Context) error {
	data := p.home.data()
	if p.home.dataMajor() != "" {
		return nil
	}
	if err := os.Remove(data); err != nil && !errors.Is(err, fs.ErrNotExist) { // removes an empty directory only
		return fmt.Errorf("%s is not empty and not a PostgreSQL cluster: move it away or choose another data directory", data)
	}
	clearStaging(data)
	staging, err := os.MkdirTemp(p.home.dir, filepath.Base(data)+stagingSuffix)
	if err != nil {
		return fmt.Errorf("make a directory for the new cluster: %w", err)
	}
	if err := p.acct.own(staging); err != nil {
		return err
	}
	if err := p.runInitdb(ctx, staging); err != nil {
		return errors.Join(err, os.RemoveAll(staging))
	}
	if err := os.Rename(staging, data); err != nil {
		return fmt.Errorf("move the new cluster to its place: %w", err)
	}
	return durable.SyncDir(p.home.dir)
}

// stagingSuffix ends the name of a cluster in the making, before what makes it this attempt's own.
const stagingSuffix = ".new-"

// clearStaging removes what killed attempts have left. A server of such an attempt, which initdb had started
// and its death has not reached yet, may still be writing there: what cannot be removed now is removed the
// next time, and is in nobody's way.
func clearStaging(data string) {
	left, _ := filepath.Glob(data + stagingSuffix + "*")
	for _, dir := range left {
		_ = os.RemoveAll(dir)
	}
}

func (p *Postgres) runInitdb(ctx context.Context, staging string) error {
	pwfile, err := p.passwordForServer()
	if err != nil {
		return err
	}
	defer os.Remove(pwfile)
	c := command{acct: p.acct, name: filepath.Join(p.binaries.dir, "initdb")}
	target, err := c.pathArg(staging)
	if err != nil {
		return err
	}
	password, err := c.pathArg(pwfile)
	if err != nil {
		return err
	}
	c.args = []string{"-D", target, "-U", superuser, "--no-locale", "-E", "UTF8", "-A", "scram-sha-256", "--pwfile", password}
	if p.home.temporary {
		c.args = append(c.args, "--no-sync") // it need not survive a power cut
	}
	initdb, err := c.startLogged(p.home.startLog(), syscall.SIGKILL)
	if err != nil {
		return err
	}
	select {
	case <-initdb.exited:
	case <-ctx.Done():
		initdb.signalGroup(syscall.SIGKILL)
		<-initdb.exited
		return fmt.Errorf("create cluster: %w", ctx.Err())
	}
	if initdb.err != nil {
		return fmt.Errorf("create cluster: initdb: %w: %s", initdb.err, tail(p.home.startLog(), 0))
	}
	return nil
}

// passwordForServer copies the password to a file that the server's account may read; ours is 0600 and stays ours.
func (p *Postgres) passwordForServer() (string, error) {
	path := filepath.Join(p.home.dir, "password.initdb")
	if err := durable.ReplaceFile(path, []byte(p.password+"\n"), 0o600); err != nil {
		return "", err
	}
	return path, p.acct.own(path)
}
