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

// Parts are the backends of a process. [Open] opens those of a service in order; a command opens what it
// needs. Each is opened once, and [Parts.Close] closes all of them in reverse order. One goroutine
// at a time may open and close parts; once they are open, nothing changes them.
type Parts struct {
	Log      *eventlog.Log // opened by [Parts.OpenLog]
	ReadPool *pgxpool.Pool // read-only, for the read models in the versions of this program; opened by [Parts.OpenDatabase]
	KeptPool *pgxpool.Pool // for schema kept, which contains the data that the log must not contain; likewise

	config     Config
	registered registrations
	events     *domain.Registry
	progress   *pg.Progress // connected by [Parts.Listen]
	undo       []func() error

	brokers     []string
	topics      []eventlog.TopicSpec
	unsafe      error // result of the topic check when the log was opened
	owned       bool  // the log belongs to the installation of the database
	databaseURL string
	ended       <-chan error // nil: no embedded database
	// engine is the pool of schema lb_engine, which the projection engine uses. Each generation that is
	// folded has an additional pool.
	engine  *pgxpool.Pool
	engines []*projections.Engine // of all projections
	keys    vault.Keyring         // opened by [Parts.Secrets]; nil: none is configured
	secrets *vault.Secrets        // likewise
}

// NewParts returns parts that are not open yet.
func NewParts(c Config) *Parts {
	c = c.withDefaults()
	p := &Parts{config: c, events: domain.NewRegistry(), progress: pg.NewProgress()}
	p.registered = registrations{c.Registerer, p}
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

// Topics returns the definitions of the log's topics.
func Topics() ([]eventlog.TopicSpec, error) { return eventlog.ParseTopics(deploy.Topics()) }

func (p *Parts) openBrokers(ctx context.Context) (err error) {
	if p.brokers != nil {
		return nil
	}
	if p.topics, err = Topics(); err != nil {
		return err
	}
	if len(p.config.KafkaBrokers) > 0 {
		p.brokers = p.config.KafkaBrokers
		return nil
	}
	addrs, settings, stop, err := p.config.Embedded.StartBroker(ctx)
	if err != nil {
		return err
	}
	p.Add(stop)
	p.brokers, p.topics = addrs, eventlog.OnOneBroker(p.topics, settings)
	return nil
}

func (p *Parts) logConfig() eventlog.Config {
	secure, credentials := p.config.Connection()
	return eventlog.Config{
		Brokers: p.brokers, Topics: p.topics, TLS: secure, SASL: credentials, Prefix: p.config.TopicPrefix,
		Registry: p.events, Logger: p.config.Logger,
	}
}

// Brokers returns the addresses of the brokers of an open log.
func (p *Parts) Brokers() []string { return p.brokers }

// DatabaseURL returns the URL of the database. It starts the embedded one.
func (p *Parts) DatabaseURL(ctx context.Context) (_ string, err error) {
	switch {
	case p.databaseURL != "":
	case p.config.DatabaseURL != "":
		p.databaseURL = p.config.DatabaseURL
		if open := pg.IsUnencrypted(p.databaseURL); open != "" {
			p.config.Logger.WarnContext(ctx, open)
		}
	default:
		var stop func() error
		if p.databaseURL, p.ended, stop, err = p.config.Embedded.StartPostgres(ctx); err == nil {
			p.Add(stop)
		}
	}
	return p.databaseURL, err
}

// Watch waits until the embedded database exits, and then returns an error. It returns nil when ctx
// is done.
func (p *Parts) Watch(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-p.ended:
		return err
	}
}

// OpenLog connects to the log and creates missing topics, unless [Config.Existing] is set or the
// database knows that its installation has a log already. It returns
// an error if a topic has unsafe settings, and, unless [Config.AnyOwner] is set, if the log belongs to
// the installation of another database.
func (p *Parts) OpenLog(ctx context.Context) error {
	if err := p.openSafeLog(ctx); err != nil {
		return err
	}
	return p.openOwnLog(ctx)
}

// openOwnLog is like OpenLog but accepts unsafe topics, so that operators can inspect and repair a log.
func (p *Parts) openOwnLog(ctx context.Context) error {
	if err := p.openLog(ctx); err != nil || p.config.AnyOwner {
		return err
	}
	return p.checkOwner(ctx)
}

// openSafeLog is like OpenLog but accepts the log of any installation.
func (p *Parts) openSafeLog(ctx context.Context) error {
	err := p.openLog(ctx)
	if err == nil && p.unsafe != nil {
		return fmt.Errorf("open the log: %w", p.unsafe)
	}
	return err
}

func (p *Parts) openLog(ctx context.Context) (err error) {
	if p.Log != nil {
		return nil
	}
	if err := p.openBrokers(ctx); err != nil {
		return err
	}
	config := p.logConfig()
	config.Existing, config.MayCreate, config.Metrics = p.config.Existing, p.mayCreate, p.registered
	config.Unsafe = func(findings error) { p.unsafe = findings }
	if p.Log, err = eventlog.Open(ctx, config); err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	p.Add(p.Log.Close)
	return nil
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

// OpenDatabase opens the pools of the database, of any version.
func (p *Parts) OpenDatabase(ctx context.Context) (err error) {
	if p.KeptPool == nil {
		p.KeptPool, err = p.openPool(ctx, "kept", vault.Open)
	}
	if err == nil && p.ReadPool == nil {
		p.ReadPool, err = p.openPool(ctx, "tables", p.config.openTables)
	}
	if err == nil && p.engine == nil {
		p.engine, err = p.openPool(ctx, "engine", func(ctx context.Context, url string) (*pgxpool.Pool, error) {
			return projections.OpenEnginePool(ctx, url, 12)
		})
	}
	return err
}

func (c Config) openTables(ctx context.Context, url string) (*pgxpool.Pool, error) {
	var params map[string]string
	conns := int32(24)
	if len(c.Roles) > 0 && !c.Has(RoleAPI) {
		conns = 8 // enough without requests
	}
	if c.Subscriptions == SubscriptionsNone {
		params = map[string]string{readmodels.SubscriptionsParam: readmodels.SubscriptionsNone}
	}
	return projections.OpenTables(ctx, url, projectors.All(), conns, params)
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
	return pool, registerAll(p.registered, poolMetrics(name, pool))
}

// Secrets opens the store of encrypted tokens. It returns an error if the configured keys cannot
// decrypt them.
func (p *Parts) Secrets(ctx context.Context) (*vault.Secrets, error) {
	if p.secrets != nil {
		return p.secrets, nil
	}
	err := p.OpenDatabase(ctx)
	if err != nil {
		return nil, err
	}
	if p.config.SecretsKey != "" {
		if p.keys, err = vault.OpenKeyring(p.config.SecretsKey, p.config.Logger); err != nil {
			return nil, fmt.Errorf("%s: %w", p.config.setting("SecretsKey"), err)
		}
	}
	secrets, err := vault.NewSecrets(p.KeptPool, p.keys)
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
	// StartPostgres also returns a channel that gets an error with the reason when the server has
	// exited.
	StartPostgres(ctx context.Context) (url string, ended <-chan error, stop func() error, err error)
}
