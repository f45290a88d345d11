package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
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
