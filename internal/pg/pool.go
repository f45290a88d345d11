package pg

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/ledgerboard/ledgerboard/internal/secret"
	"github.com/ledgerboard/ledgerboard/internal/tracing"
)

// Config configures a pool.
type Config struct {
	URL        string
	SearchPath []string // schemas of unqualified names; required, so that a missing one is an error
	Name       string   // part of application_name: pg_stat_activity then shows who holds a lock
	MaxConns   int32    // 0: pgx's default

	// AsyncCommit lets COMMIT return before the WAL is on disk. Use it only for data that can be
	// refolded from the log (rows and checkpoint are lost together) or that may be lost in a crash.
	AsyncCommit bool
	// ReadOnly makes the server refuse every write.
	ReadOnly bool
	// Params are further session settings by name; custom settings need a prefix and a dot.
	Params map[string]string
}

// Open returns a pool after a first successful connection. Times are scanned as UTC, regardless of
// the time zones of the server and the process. The pool closes sessions in which the server refused
// a write as read-only, and after five seconds those that it opened as read-only. So it follows
// within seconds if the database becomes writable or the address leads to another server.
func Open(ctx context.Context, c Config) (*pgxpool.Pool, error) {
	if c.URL == "" || len(c.SearchPath) == 0 {
		return nil, errors.New("check pool config: URL or SearchPath is missing")
	}
	if err := CheckURL(c.URL); err != nil {
		return nil, err
	}
	settings := maps.Clone(c.Params)
	if settings == nil {
		settings = map[string]string{}
	}
	settings["search_path"] = SearchPath(c.SearchPath...)
	settings["application_name"] = "ledgerboard " + c.Name
	settings["timezone"] = "UTC"
	if c.AsyncCommit {
		settings["synchronous_commit"] = "off"
	}
	if c.ReadOnly {
		settings["default_transaction_read_only"] = "on"
	}
	url, err := secret.Read(c.URL)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("parse database URL: %w", withoutURL(err))
	}
	if config.ConnConfig, err = Parse(c.URL, settings); err != nil {
		return nil, err
	}
	// Passwords and certificates change while the process runs.
	config.BeforeConnect = func(_ context.Context, next *pgx.ConnConfig) error {
		fresh, err := Parse(c.URL, settings)
		if err != nil {
			return err
		}
		fresh.Tracer = next.Tracer
		*next = *fresh
		return nil
	}
	if c.MaxConns > 0 {
		config.MaxConns = c.MaxConns
	}
	config.AfterConnect = scanTimesAsUTC
	config.PrepareConn, config.BeforeClose = useful, endUseless
	if tracing.Enabled() { // statements of traced requests, without their parameters
		config.ConnConfig.Tracer = otelpgx.NewTracer(otelpgx.WithMeterProvider(noop.NewMeterProvider()))
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open pool %s: %w", c.Name, err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reach database for %s: %w", c.Name, Explain(err))
	}
	return pool, nil
}

// CheckURL returns an error that says what is wrong with a database URL, without connecting. It
// refuses the modes exec and simple_protocol, which do not get the types of a statement's
// parameters from the server: some statements would fail.
func CheckURL(url string) error {
	config, err := Parse(url, nil)
	if err != nil {
		return err
	}
	switch mode := config.DefaultQueryExecMode; mode {
	case pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol:
		return fmt.Errorf("the database URL contains default_query_exec_mode=%s, which is not supported. Remove it; "+
			"if a pooler requires it, connect to the server directly or set the pooler to session mode",
			strings.ReplaceAll(mode.String(), " ", "_"))
	default:
		return nil
	}
}

// SearchPath returns the value of the setting search_path for these schemas.
func SearchPath(schemas ...string) string {
	quoted := make([]string, len(schemas))
	for i, schema := range schemas {
		quoted[i] = pgx.Identifier{schema}.Sanitize()
	}
	return strings.Join(quoted, ", ")
}

func scanTimesAsUTC(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID,
		Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// Snapshot runs f in one REPEATABLE READ, READ ONLY transaction, so that f reads one consistent
// state.
func Snapshot(ctx context.Context, pool *pgxpool.Pool, f func(pgx.Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, pool, options, f)
}

// Querier is a pool, a connection or a transaction.
type Querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Exec runs a statement. Its error starts with doing.
func Exec(ctx context.Context, q Querier, doing, sql string, args ...any) error {
	_, err := q.Exec(ctx, sql, args...)
	return Wrap(doing, err)
}

// List reads all rows of a statement.
func List[T any](
	ctx context.Context, q Querier, doing string, scan pgx.RowToFunc[T], sql string, args ...any,
) ([]T, error) {
	rows, _ := q.Query(ctx, sql, args...) // rows returns its error
	list, err := pgx.CollectRows(rows, scan)
	return list, Wrap(doing, err)
}

// Find reads the first row of a statement. It returns false if there are no rows.
func Find[T any](
	ctx context.Context, q Querier, doing string, scan pgx.RowToFunc[T], sql string, args ...any,
) (row T, found bool, err error) {
	rows, _ := q.Query(ctx, sql, args...)
	row, err = pgx.CollectOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, false, nil
	}
	return row, err == nil, Wrap(doing, err)
}

// QueryBool reads one row with one boolean.
func QueryBool(ctx context.Context, q Querier, doing, sql string, args ...any) (is bool, err error) {
	err = q.QueryRow(ctx, sql, args...).Scan(&is)
	return is, Wrap(doing, err)
}

// ScanOptional scans a row that may be missing, and reports whether it exists. Errors begin with
// doing.
func ScanOptional(row pgx.Row, doing string, targets ...any) (bool, error) {
	err := row.Scan(targets...)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, Wrap(doing, err)
}

// Wrap adds doing to an error, if there is one; nil stays nil.
func Wrap(doing string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// ScanMap reads a map from rows with two columns, the key and the value.
func ScanMap[K comparable, V any](rows pgx.Rows, doing string) (map[K]V, error) {
	values := map[K]V{}
	var key K
	var value V
	_, err := pgx.ForEachRow(rows, []any{&key, &value}, func() error {
		values[key] = value
		return nil
	})
	return values, Wrap(doing, err)
}
