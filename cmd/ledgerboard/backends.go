package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/ledgerboard/ledgerboard/deploy"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// closers undo what was opened, last first.
type closers []func() error

func (c *closers) add(f func() error) { *c = append(*c, f) }

func (c *closers) close() error {
	var errs []error
	for _, stop := range slices.Backward(*c) {
		errs = append(errs, stop())
	}
	*c = nil
	return errors.Join(errs...)
}

// backends are the broker and the database: the configured ones, or embedded ones. Past this point
// nothing knows which.
type backends struct {
	closers
	brokers     []string
	databaseURL string
	topics      []eventlog.TopicSpec
	postgres    *embedded.Postgres // nil when a server is configured
}

func openBackends(ctx context.Context, s storage, logger *slog.Logger) (_ *backends, err error) {
	b := &backends{brokers: s.KafkaBrokers, databaseURL: s.DatabaseURL}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.topics, err = parseTopics(); err != nil {
		return nil, err
	}
	if len(b.brokers) == 0 {
		if err := b.startBroker(ctx, s, logger); err != nil {
			return nil, err
		}
	}
	if b.databaseURL == "" {
		if err := b.startPostgres(ctx, s, logger); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func parseTopics() ([]eventlog.TopicSpec, error) {
	topics, err := eventlog.ParseTopics(deploy.Topics())
	if err != nil {
		return nil, fmt.Errorf("read topic definitions: %w", err)
	}
	return topics, nil
}

func (b *backends) startBroker(ctx context.Context, s storage, logger *slog.Logger) error {
	dir, err := s.dataPath("broker")
	if err != nil {
		return err
	}
	broker, err := embedded.StartBroker(ctx, embedded.BrokerConfig{DataDir: dir, Logger: logger})
	if err != nil {
		return err
	}
	b.add(broker.Close)
	b.brokers = broker.Addrs()
	// The embedded broker must never compact or expire: see internal/embedded.
	for i, topic := range b.topics {
		b.topics[i].ReplicationFactor = 1
		b.topics[i].Configs = maps.Clone(topic.Configs)
		maps.Copy(b.topics[i].Configs, broker.TopicOverrides())
	}
	return nil
}

func (b *backends) startPostgres(ctx context.Context, s storage, logger *slog.Logger) error {
	dir, err := s.dataPath("postgres")
	if err != nil {
		return err
	}
	postgres, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{DataDir: dir, Logger: logger})
	if err != nil {
		return err
	}
	b.add(postgres.Close)
	b.postgres, b.databaseURL = postgres, postgres.URL()
	return nil
}

// watch ends with an error when the embedded database does: nothing works without it.
func (b *backends) watch(ctx context.Context) error {
	if b.postgres == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-b.postgres.Done():
		return errors.New("the embedded PostgreSQL has ended; its log in the data directory says why")
	}
}

// openLog connects to the log, making missing topics and refusing unsafe ones.
func openLog(ctx context.Context, s storage, b *backends, registry *domain.Registry, logger *slog.Logger) (*eventlog.Log, error) {
	return connectLog(ctx, s, b, registry, logger, false)
}

// connectLog is openLog for those who may want a log only if it is there already.
func connectLog(ctx context.Context, s storage, b *backends, registry *domain.Registry, logger *slog.Logger, existing bool) (*eventlog.Log, error) {
	config := eventlog.Config{Brokers: b.brokers, Logger: logger, Topics: b.topics, Registry: registry, Existing: existing}
	if s.KafkaTLS {
		config.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if s.KafkaUser != "" {
		config.SASL = &eventlog.SASLConfig{Mechanism: s.KafkaSASL, User: s.KafkaUser, Password: s.KafkaPass}
	}
	log, err := eventlog.Open(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return log, nil
}
