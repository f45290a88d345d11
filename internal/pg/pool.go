package pg

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says how a pool connects.
type Config struct {
	URL        string
	SearchPath []string // schemas of unqualified names; required, so that a forgotten one fails loudly
	Name       string   // application_name: shows in pg_stat_activity who holds a lock
	MaxConns   int32    // 0: pgx's default

	// AsyncCommit lets COMMIT return before the WAL is on disk. Right for what the log can fold again
	// (rows and checkpoint are lost together); wrong for schema kept.
	AsyncCommit bool
	// ReadOnly refuses every write at the server.
	ReadOnly bool
	// Params are further settings of the sessions, by name; those of this program have a prefix and a dot.
	Params map[string]string
}

// Open returns a pool that has answered once. Times are scanned as UTC, whatever the server's and
// the process's zones are.
func Open(ctx context.Context, c Config) (*pgxpool.Pool, error) {
	if c.URL == "" || len(c.SearchPath) == 0 {
		return nil, errors.New("check pool config: URL or SearchPath is missing")
	}
	if err := CheckURL(c.URL); err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, fmt.Errorf("parse database URL: %w", err)
	}
	params := config.ConnConfig.RuntimeParams
	maps.Copy(params, c.Params)
	params["search_path"] = SearchPath(c.SearchPath...)
	params["application_name"] = "ledgerboard " + c.Name
	params["timezone"] = "UTC"
	if c.AsyncCommit {
		params["synchronous_commit"] = "off"
	}
	if c.ReadOnly {
		params["default_transaction_read_only"] = "on"
	}
	if c.MaxConns > 0 {
		config.MaxConns = c.MaxConns
	}
	config.AfterConnect = scanTimesAsUTC
	noticeGone(config.ConnConfig)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open pool %s: %w", c.Name, err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reach database for %s: %w", c.Name, refused(err))
	}
	return pool, nil
}

// CheckURL says what is wrong with a database URL, without connecting. Statements need the types of their parameters, which the modes exec
// and simple_protocol do not ask the server for: answers would fail one by one.
func CheckURL(url string) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("parse database URL: %w", err)
	}
	switch mode := config.DefaultQueryExecMode; mode {
	case pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol:
		return fmt.Errorf("the database URL says default_query_exec_mode=%s, with which statements here do not run; leave it out, and if a pooler asks "+
			"for it, name the server itself or set the pooler to session mode", strings.ReplaceAll(mode.String(), " ", "_"))
	default:
		return nil
	}
}

// SearchPath is the value of the setting search_path that names these schemas.
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

// Snapshot runs f in one REPEATABLE READ, READ ONLY transaction: everything f reads is of one moment.
func Snapshot(ctx context.Context, pool *pgxpool.Pool, f func(pgx.Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, pool, options, f)
}
