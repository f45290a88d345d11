package assembly

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

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

// Parts are what a process may stand on. Each is opened when it is first asked for, and all are given back
// by [Parts.Close], last first. They are opened from one goroutine.
type Parts struct {
	settings   Settings
	registered *registrations
	events     *domain.Registry
	ended      <-chan struct{} // nil: no database in this process
	progress   *pg.Progress    // fed by [Service.Follow]
	undo       []func() error

	brokers                part[brokers]
	database               part[string]
	log                    part[*eventlog.Log]
	unsafe                 error // what the check of the log found at its opening
	tables                 part[*pgxpool.Pool]
	platforms              part[network]
	engines                part[[]*projections.Engine] // of all projections
	engine, vault, fetched part[*pgxpool.Pool]
}

// NewParts opens nothing yet.
func NewParts(s Settings) *Parts {
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	if s.Registerer == nil {
		s.Registerer = prometheus.NewRegistry()
	}
	p := &Parts{settings: s, registered: &registrations{Registerer: s.Registerer}, events: domain.NewRegistry(), progress: pg.NewProgress()}
	p.Add(p.registered.Close)
	return p
}

// Add notes how something that was just opened is given back.
func (p *Parts) Add(undo func() error) { p.undo = append(p.undo, undo) }

// Close gives everything back and returns every error. A second call does nothing.
func (p *Parts) Close() error {
	var errs []error
	for _, undo := range slices.Backward(p.undo) {
		errs = append(errs, undo())
	}
	p.undo = nil
	return errors.Join(errs...)
}

// part is opened at its first use.
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

// Topics are the definitions of the log's topics.
func Topics() ([]eventlog.TopicSpec, error) {
	topics, err := eventlog.ParseTopics(deploy.Topics())
	if err != nil {
		return nil, fmt.Errorf("read topic definitions: %w", err)
	}
	return topics, nil
}

// brokers are where the log is, and how its topics are made there.
type brokers struct {
	addrs  []string
	topics []eventlog.TopicSpec
}

func (p *Parts) openBrokers(ctx context.Context) (brokers, error) {
	return p.brokers.get(func() (b brokers, err error) {
		b.addrs = p.settings.Brokers
		if b.topics, err = Topics(); err != nil || len(b.addrs) > 0 {
			return b, err
		}
		addrs, settings, stop, err := p.settings.Embedded.StartBroker(ctx)
		if err != nil {
			return b, err
		}
		p.Add(stop)
		b.addrs, b.topics = addrs, eventlog.OnOneBroker(b.topics, settings)
		return b, nil
	})
}

// Brokers are the addresses of the brokers.
func (p *Parts) Brokers(ctx context.Context) ([]string, error) {
	b, err := p.openBrokers(ctx)
	return b.addrs, err
}

// DatabaseURL is where the database is.
func (p *Parts) DatabaseURL(ctx context.Context) (string, error) {
	return p.database.get(func() (string, error) {
		if p.settings.DatabaseURL != "" {
			if open := pg.InTheOpen(p.settings.DatabaseURL); open != "" {
				p.settings.Logger.WarnContext(ctx, open)
			}
			return p.settings.DatabaseURL, nil
		}
		url, ended, stop, err := p.settings.Embedded.StartPostgres(ctx)
		if err != nil {
			return "", err
		}
		p.Add(stop)
		p.ended = ended
		return url, nil
	})
}

// Watch ends with an error when the database of this process does: nothing works without it.
func (p *Parts) Watch(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-p.ended:
		return errors.New("the embedded PostgreSQL has ended; its log in the data directory says why")
	}
}

// Log connects to the log, makes missing topics and refuses unsafe ones.
func (p *Parts) Log(ctx context.Context) (*eventlog.Log, error) {
	log, err := p.logAsIs(ctx)
	if err == nil && p.unsafe != nil {
		return nil, fmt.Errorf("open the log: %w", p.unsafe)
	}
	return log, err
}

// logAsIs takes unsafe topics too, for operators: they must be able to look at a log that is wrong, and to act.
func (p *Parts) logAsIs(ctx context.Context) (*eventlog.Log, error) {
	return p.log.get(func() (*eventlog.Log, error) {
		b, err := p.openBrokers(ctx)
		if err != nil {
			return nil, err
		}
		log, err := eventlog.Open(ctx, eventlog.Config{
			Brokers: b.addrs, Topics: b.topics, TLS: p.settings.TLS, SASL: p.settings.SASL, Existing: p.settings.Existing,
			Registry: p.events, Logger: p.settings.Logger,
			Unsafe: func(findings error) { p.unsafe = findings },
		})
		if err != nil {
			return nil, fmt.Errorf("open the log: %w", err)
		}
		p.Add(log.Close)
		return log, nil
	})
}

// Migrate brings all schemas to this version: what every start does first. Where they are, it needs no
// right to create anything.
func (p *Parts) Migrate(ctx context.Context) error {
	url, err := p.DatabaseURL(ctx)
	if err != nil {
		return err
	}
	if err := pg.CheckDirect(ctx, url); err != nil {
		return err
	}
	return migrations.Up(ctx, url)
}

// Pool sizes. Each generation that is folded has a pool of its own beside these; reads come and go with requests.
const (
	engineConns      = 12
	defaultReadConns = 24
)

// Tables are the read models, read-only, in the versions of this program.
func (p *Parts) Tables(ctx context.Context) (*pgxpool.Pool, error) {
	return p.pool(ctx, &p.tables, func(url string) (*pgxpool.Pool, error) {
		var params map[string]string
		if p.settings.NoSubscriptions {
			params = map[string]string{readmodels.SubscriptionsParam: readmodels.SubscriptionsNone}
		}
		return projections.OpenTables(ctx, url, projectors.All(0), cmp.Or(p.settings.ReadConns, defaultReadConns), params)
	})
}

// Engine is what the projections' engine keeps of itself: schema lb_engine.
func (p *Parts) Engine(ctx context.Context) (*pgxpool.Pool, error) {
	return p.pool(ctx, &p.engine, func(url string) (*pgxpool.Pool, error) {
		return projections.OpenEnginePool(ctx, url, engineConns)
	})
}

// Vault is what the log must not hold: schema kept.
func (p *Parts) Vault(ctx context.Context) (*pgxpool.Pool, error) {
	return p.pool(ctx, &p.vault, func(url string) (*pgxpool.Pool, error) { return vault.Open(ctx, url) })
}

// logAndVault are what is appended beside what is kept.
func (p *Parts) logAndVault(ctx context.Context) (*eventlog.Log, *pgxpool.Pool, error) {
	log, err := p.Log(ctx)
	if err != nil {
		return nil, nil, err
	}
	kept, err := p.Vault(ctx)
	return log, kept, err
}

// fetchStates is the same schema for what fetchers note all the time, and may lose the last of in a crash.
func (p *Parts) fetchStates(ctx context.Context) (*pgxpool.Pool, error) {
	return p.pool(ctx, &p.fetched, func(url string) (*pgxpool.Pool, error) { return vault.OpenFetching(ctx, url) })
}

func (p *Parts) pool(ctx context.Context, at *part[*pgxpool.Pool], open func(url string) (*pgxpool.Pool, error)) (*pgxpool.Pool, error) {
	return at.get(func() (*pgxpool.Pool, error) {
		url, err := p.DatabaseURL(ctx)
		if err != nil {
			return nil, err
		}
		pool, err := open(url)
		if err == nil {
			p.Add(func() error { pool.Close(); return nil })
		}
		return pool, err
	})
}

// Secrets are the sealed tokens. It refuses if the configured keys are not those of what is
// stored.
func (p *Parts) Secrets(ctx context.Context) (*vault.Secrets, error) {
	pool, err := p.Vault(ctx)
	if err != nil {
		return nil, err
	}
	secrets, err := vault.NewSecrets(pool, p.settings.SecretsKeys)
	if err == nil {
		err = secrets.Check(ctx)
	}
	return secrets, err
}
