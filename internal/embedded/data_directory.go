package embedded

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/ledgerboard/ledgerboard/internal/durable"
)

// Directory is a data directory in which a broker and a database are kept.
type Directory struct {
	Path   string
	Logger *slog.Logger
}

// Below a data directory.
const (
	brokerDir   = "broker"
	postgresDir = "postgres"
	tagKeyFile  = "tag.key"
)

// HasBroker tells whether a broker was ever started there.
func (d Directory) HasBroker() bool { return d.has(brokerDir) }

// HasPostgres tells whether a database was ever started there.
func (d Directory) HasPostgres() bool { return d.has(postgresDir) }

func (d Directory) has(name string) bool {
	_, err := os.Stat(filepath.Join(d.Path, name))
	return err == nil
}

// StartBroker starts the broker. Topics must be made with the settings that it returns.
func (d Directory) StartBroker(ctx context.Context) (addrs []string, topicSettings map[string]string, stop func() error, err error) {
	if err := d.make(); err != nil {
		return nil, nil, nil, err
	}
	broker, err := StartBroker(ctx, BrokerConfig{DataDir: filepath.Join(d.Path, brokerDir), Logger: d.Logger})
	if err != nil {
		return nil, nil, nil, err
	}
	return broker.Addrs(), broker.TopicOverrides(), broker.Close, nil
}

// TagKey returns the key that tags the records of the broker's log, from a file that the owner alone may read. Where there is none, and
// create is set, the given key is written to it, or for "" a new one, 32 bytes in hexadecimal; without create the given one is returned. A
// log that holds records has its key already: where its file is missing nothing is written, the given key is returned, and for "" there is
// an error. Call it while the broker runs: its lock keeps other processes from making another.
func (d Directory) TagKey(given string, create bool) (string, error) {
	path := filepath.Join(d.Path, tagKeyFile)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !create:
		return given, nil
	case errors.Is(err, fs.ErrNotExist):
		var begun bool
		if begun, err = d.hasRecords(); begun {
			return given, d.missingTagKey(path, given)
		}
		if err == nil {
			err = d.makeTagKey(path, given)
		}
	case err == nil && info.Mode().Perm()&0o077 != 0:
		if d.Logger != nil {
			d.Logger.Warn("others could read the tag key, with which records can be forged; now the owner alone may", "file", path, "mode", info.Mode().Perm())
		}
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("keep the tag key: %w", err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the tag key: %w", err)
	}
	return strings.TrimSpace(string(raw)), nil
}

// hasRecords tells whether the broker's log holds any.
func (d Directory) hasRecords() (bool, error) {
	segments, err := filepath.Glob(filepath.Join(d.Path, brokerDir, logDirName, "partitions", "*", "*.dat"))
	if err != nil {
		return false, fmt.Errorf("look for the broker's log: %w", err)
	}
	for _, segment := range segments {
		info, err := os.Stat(segment)
		if err != nil {
			return false, fmt.Errorf("look for the broker's log: %w", err)
		}
		if info.Size() > 0 {
			return true, nil
		}
	}
	return false, nil
}

// missingTagKey keeps no key beside a log that has another: once it lay there, it would count, and the right one would not.
func (d Directory) missingTagKey(path, given string) error {
	if given == "" {
		return fmt.Errorf("%s is missing, and the log beside it holds records: put it back from a backup, or set LEDGERBOARD_TAG_KEYS to its text. "+
			"A log that was begun before records were tagged has no key: begin anew in another data directory, and import", path)
	}
	if d.Logger != nil {
		d.Logger.Warn("the tag key is missing beside a log that holds records: put it back from a backup. Until then LEDGERBOARD_TAG_KEYS is taken",
			"file", path)
	}
	return nil
}

// makeTagKey returns when the file is on disk, its name included: what is tagged by a lost key counts for nothing.
func (d Directory) makeTagKey(path, text string) error {
	if err := d.make(); err != nil {
		return err
	}
	if text == "" {
		key := make([]byte, tagKeySize)
		_, _ = rand.Read(key) // never fails
		text = hex.EncodeToString(key)
	}
	if err := durable.ReplaceFile(path, []byte(strings.TrimSpace(text)+"\n"), 0o600); err != nil {
		return err
	}
	return durable.SyncDir(d.Path)
}

// tagKeySize is in bytes.
const tagKeySize = 32

// StartPostgres starts the database. The channel is closed when it has ended.
func (d Directory) StartPostgres(ctx context.Context) (url string, ended <-chan struct{}, stop func() error, err error) {
	if err := d.make(); err != nil {
		return "", nil, nil, err
	}
	postgres, err := StartPostgres(ctx, PostgresConfig{DataDir: filepath.Join(d.Path, postgresDir), Logger: d.Logger})
	if err != nil {
		return "", nil, nil, err
	}
	return postgres.URL(), postgres.Done(), postgres.Close, nil
}

func (d Directory) make() error {
	if err := os.MkdirAll(d.Path, 0o755); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	return nil
}
