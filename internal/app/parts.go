package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/deploy"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Parts are the backends of a process. Each part is opened on first use; [Parts.Close] closes all
// of them in reverse order. Parts must be used by only one goroutine at a time.
type Parts struct {
	config     Config
	registered *registrations
	events     *domain.Registry
	ended      <-chan struct{} // nil: no embedded database
	progress   *pg.Progress    // connected by [Parts.Listen]
	undo       []func() error

	brokers       part[brokers]
	database      part[string]
	log           part[*eventlog.Log]
	unsafe        error // result of the topic check when the log was opened
	owned         bool  // the log belongs to the installation of the database
	tables        part[*pgxpool.Pool]
	engines       part[[]*projections.Engine] // of all projections
	engine, vault part[*pgxpool.Pool]
	keys          vault.Keyring  // opened by [Parts.Secrets]; nil: none is configured
	secrets       *vault.Secrets // likewise
}

// NewParts returns parts that are not open yet.
func NewParts(c Config) *Parts {
	c = c.withDefaults()
	p := &Parts{
		config: c, registered: &registrations{Registerer: c.Registerer},
		events: domain.NewRegistry(), progress: pg.NewProgress(),
	}
	p.Add(p.registered.Close)
	return p
}

// Add registers a function for Close to call, which closes something that was just opened.
func (p *Parts) Add(undo func() error) { p.undo = append(p.undo, undo) }

// Close closes everything and returns all errors. A second call does nothing.
func (p *Parts) Close() error {
	var errs []error
	for _, undo := range slices.Backward(p.undo) {
		errs = append(errs, undo())
	}
	p.undo = nil
	return errors.Join(errs...)
}

type part[T any] struct {
	opened bool
	value  T
}

func (p *part[T]) get(open func() (T, error)) (T, error) {
	if p.opened {
		return p.value, nil
	}
	value, err := open()
	if err == nil {
		p.opened, p.value = true, value
	}
	return value, err
}

// Topics returns the definitions of the log's topics.
func Topics() ([]eventlog.TopicSpec, error) { return eventlog.ParseTopics(deploy.Topics()) }

type brokers struct {
	addrs  []string
	topics []eventlog.TopicSpec
}

func (p *Parts) openBrokers(ctx context.Context) (brokers, error) {
	return p.brokers.get(func() (b brokers, err error) {
		b.addrs = p.config.KafkaBrokers
		if b.topics, err = Topics(); err != nil || len(b.addrs) > 0 {
			return b, err
		}
		addrs, settings, stop, err := p.config.Embedded.StartBroker(ctx)
		if err != nil {
			return b, err
		}
		p.Add(stop)
		b.addrs, b.topics = addrs, eventlog.OnOneBroker(b.topics, settings)
		return b, nil
	})
}

func (p *Parts) logConfig(b brokers) eventlog.Config {
	secure, credentials := p.config.Connection()
	return eventlog.Config{
		Brokers: b.addrs, Topics: b.topics, TLS: secure, SASL: credentials, Prefix: p.config.TopicPrefix,
		Registry: p.events, Logger: p.config.Logger,
	}
}

// Brokers returns the addresses of the brokers.
func (p *Parts) Brokers(ctx context.Context) ([]string, error) {
	b, err := p.openBrokers(ctx)
	return b.addrs, err
}

// DatabaseURL returns the URL of the database.
func (p *Parts) DatabaseURL(ctx context.Context) (string, error) {
	return p.database.get(func() (string, error) {
		if p.config.DatabaseURL != "" {
			if open := pg.IsUnencrypted(p.config.DatabaseURL); open != "" {
				p.config.Logger.WarnContext(ctx, open)
			}
			return p.config.DatabaseURL, nil
		}
		url, ended, stop, err := p.config.Embedded.StartPostgres(ctx)
		if err != nil {
			return "", err
		}
		p.Add(stop)
		p.ended = ended
		return url, nil
	})
}

// Watch waits until the embedded database exits, and then returns an error. It returns nil when ctx
// is done.
func (p *Parts) Watch(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-p.ended:
		return errors.New("the embedded PostgreSQL has exited; see postgres.log in the data directory")
	}
}

// Log connects to the log and creates missing topics. It returns an error if a topic has unsafe
// settings, and, unless only existing topics are read, if the log belongs to the installation of
// another database.
func (p *Parts) Log(ctx context.Context) (*eventlog.Log, error) {
	if _, err := p.safeLog(ctx); err != nil {
		return nil, err
	}
	return p.ownLog(ctx)
}

// ownLog is like Log but accepts unsafe topics, so that operators can inspect and repair a log.
func (p *Parts) ownLog(ctx context.Context) (*eventlog.Log, error) {
	log, err := p.openLog(ctx)
	if err == nil && !p.config.Existing {
		err = p.checkOwner(ctx, log)
	}
	return log, err
}

// safeLog is like Log but accepts the log of any installation.
func (p *Parts) safeLog(ctx context.Context) (*eventlog.Log, error) {
	log, err := p.openLog(ctx)
	if err == nil && p.unsafe != nil {
		return nil, fmt.Errorf("open the log: %w", p.unsafe)
	}
	return log, err
}

func (p *Parts) openLog(ctx context.Context) (*eventlog.Log, error) {
	return p.log.get(func() (*eventlog.Log, error) {
		b, err := p.openBrokers(ctx)
		if err != nil {
			return nil, err
		}
		config := p.logConfig(b)
		config.Existing, config.Metrics = p.config.Existing, p.registered
		config.Unsafe = func(findings error) { p.unsafe = findings }
		log, err := eventlog.Open(ctx, config)
		if err != nil {
			return nil, fmt.Errorf("open the log: %w", err)
		}
		p.Add(log.Close)
		return log, nil
	})
}

// Migrate migrates all schemas to this version. If there is nothing to migrate, the database user
// needs no privilege to create anything.
func (p *Parts) Migrate(ctx context.Context) error {
	url, err := p.DatabaseURL(ctx)
	if err != nil {
		return err
	}
	if err := pg.CheckDirect(ctx, url); err != nil {
		return err
	}
	return p.namingLocks(ctx, func() error { return migrations.Up(ctx, url) })
}

// namingLocks runs do. While sessions of the service wait for locks, it logs and reports who holds
// them, and the error of a lock that did not become free contains that.
func (p *Parts) namingLocks(ctx context.Context, do func() error) error {
	url, err := p.DatabaseURL(ctx)
	if err != nil {
		return err
	}
	var last string
	stop := pg.WatchLocks(ctx, url, func(text string) {
		if text != "" {
			last = text
			p.config.Logger.WarnContext(ctx, "waiting for a lock", "reason", text, "gives_up_after", pg.LockWait)
		}
		if p.config.Waits != nil {
			p.config.Waits(text)
		}
	})
	err = do()
	stop()
	if pg.IsLockTimeout(err) && last != "" {
		return fmt.Errorf("%w: %s", err, last)
	}
	return err
}

// Tables returns a read-only pool for the read models, in the versions of this program.
func (p *Parts) Tables(ctx context.Context) (*pgxpool.Pool, error) {
	return p.tables.get(func() (*pgxpool.Pool, error) {
		return p.openPool(ctx, "tables", func(ctx context.Context, url string) (*pgxpool.Pool, error) {
			var params map[string]string
			conns := int32(24)
			if len(p.config.Roles) > 0 && !p.config.Has(RoleAPI) {
				conns = 8 // enough without requests
			}
			if p.config.Subscriptions == SubscriptionsNone {
				params = map[string]string{readmodels.SubscriptionsParam: readmodels.SubscriptionsNone}
			}
			return projections.OpenTables(ctx, url, projectors.All(), conns, params)
		})
	})
}

// enginePool returns the pool of schema lb_engine, which the projection engine uses. Each generation
// that is folded has an additional pool.
func (p *Parts) enginePool(ctx context.Context) (*pgxpool.Pool, error) {
	return p.engine.get(func() (*pgxpool.Pool, error) {
		return p.openPool(ctx, "engine", func(ctx context.Context, url string) (*pgxpool.Pool, error) {
			return projections.OpenEnginePool(ctx, url, 12)
		})
	})
}

// Vault returns the pool of schema kept, which contains the data that the log must not contain.
func (p *Parts) Vault(ctx context.Context) (*pgxpool.Pool, error) {
	return p.vault.get(func() (*pgxpool.Pool, error) { return p.openPool(ctx, "kept", vault.Open) })
}

func (p *Parts) logAndVault(ctx context.Context) (*eventlog.Log, *pgxpool.Pool, error) {
	log, err := p.Log(ctx)
	if err != nil {
		return nil, nil, err
	}
	vaultPool, err := p.Vault(ctx)
	return log, vaultPool, err
}

func (p *Parts) openPool(
	ctx context.Context, name string, open func(ctx context.Context, url string) (*pgxpool.Pool, error),
) (*pgxpool.Pool, error) {
	url, err := p.DatabaseURL(ctx)
	if err != nil {
		return nil, err
	}
	pool, err := open(ctx, url)
	if err != nil {
		return nil, err
	}
	p.Add(func() error { pool.Close(); return nil })
	return pool, p.registered.Register(newPoolMetrics(name, pool))
}

// Secrets opens the store of encrypted tokens. It returns an error if the configured keys cannot
// decrypt them.
func (p *Parts) Secrets(ctx context.Context) (*vault.Secrets, error) {
	if p.secrets != nil {
		return p.secrets, nil
	}
	pool, err := p.Vault(ctx)
	if err != nil {
		return nil, err
	}
	if p.config.SecretsKey != "" {
		if p.keys, err = vault.OpenKeyring(p.config.SecretsKey, p.config.Logger); err != nil {
			return nil, fmt.Errorf("%s: %w", p.config.setting("SecretsKey"), err)
		}
	}
	secrets, err := vault.NewSecrets(pool, p.keys)
	if err == nil {
		err = secrets.Check(ctx)
	}
	if err != nil {
		return nil, err
	}
	p.secrets = secrets
	return secrets, nil
}

// Embedded starts a broker and a database for this process. internal/embedded implements it. It is
// an interface so that a main application, which has its own servers, need not link the
// implementation.
type Embedded interface {
	// StartBroker also returns topic settings that override those of the deployment, because the
	// broker must never compact or expire records.
	StartBroker(ctx context.Context) (addrs []string, topicSettings map[string]string, stop func() error, err error)
	// HasPostgres reports whether a database was ever started in the data directory.
	HasPostgres() bool
	// StartPostgres also returns a channel that is closed when the server has exited.
	StartPostgres(ctx context.Context) (url string, ended <-chan struct{}, stop func() error, err error)
}
