package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// backends are the broker and the database: the configured ones, or embedded ones. Past this point
// nothing knows which.
type backends struct {
	assembly.Closers
	brokers     []string
	databaseURL string
	topics      []eventlog.TopicSpec
	postgres    *embedded.Postgres // nil when a server is configured
}

func openBackends(ctx context.Context, s storage, logger *slog.Logger) (_ *backends, err error) {
	b := &backends{brokers: s.KafkaBrokers, databaseURL: s.DatabaseURL}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	if b.topics, err = assembly.Topics(); err != nil {
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

func (b *backends) startBroker(ctx context.Context, s storage, logger *slog.Logger) error {
	dir, err := s.dataPath("broker")
	if err != nil {
		return err
	}
	broker, err := embedded.StartBroker(ctx, embedded.BrokerConfig{DataDir: dir, Logger: logger})
	if err != nil {
		return err
	}
	b.Add(broker.Close)
	b.brokers = broker.Addrs()
	b.topics, err = assembly.EmbeddedTopics(broker.TopicOverrides())
	return err
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
	b.Add(postgres.Close)
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
	config := s.logConfig(b)
	config.Logger, config.Registry, config.Existing = logger, registry, existing
	log, err := eventlog.Open(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return log, nil
}

// logConfig says where the log is and how to reach it.
func (s storage) logConfig(b *backends) eventlog.Config {
	config := eventlog.Config{Brokers: b.brokers, Topics: b.topics}
	if s.KafkaTLS {
		config.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if s.KafkaUser != "" {
		config.SASL = &eventlog.SASLConfig{Mechanism: s.KafkaSASL, User: s.KafkaUser, Password: s.KafkaPass}
	}
	return config
}
