package pg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	neturl "net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ledgerboard/ledgerboard/internal/secret"
)

// Time limits after which a server that vanished without closing its connections counts as gone. By
// default the kernel retransmits for about fifteen minutes; a projector would keep its partitions
// and do nothing for that long.
const (
	connectTimeout = 10 * time.Second // default, if the URL sets none
	keepAliveIdle  = 15 * time.Second
	keepAliveEvery = 5 * time.Second
	keepAliveTries = 3
	userTimeout    = 30 * time.Second
)

// Parse reads a database URL (or the file that contains it), the password file, the certificates
// and the service file that it names, and returns the configuration of a connection. The connection
// detects dead peers in both directions: otherwise the server would hold the locks of a vanished
// session for two hours.
//
// Settings, also those of the URL, are sent after connecting, because a pooler refuses startup
// parameters that it does not know. The session has limits of its own for statements, locks and
// transactions, and commits synchronously: defaults of the user or the database do not reach it.
// Settings of the URL replace these, and settings replace both. Nothing but settings replaces
// [meanings].
func Parse(url string, settings map[string]string) (*pgx.ConnConfig, error) {
	url, err := secret.Read(url)
	if err != nil {
		return nil, err
	}
	if err := checkAddress(url); err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("parse database URL: %w", withoutURL(err))
	}
	// These configure pools, not sessions.
	maps.DeleteFunc(config.RuntimeParams, func(name, _ string) bool { return strings.HasPrefix(name, "pool_") })
	session := map[string]string{
		"tcp_keepalives_idle":     seconds(keepAliveIdle),
		"tcp_keepalives_interval": seconds(keepAliveEvery),
		"tcp_keepalives_count":    strconv.Itoa(keepAliveTries),
		"tcp_user_timeout":        strconv.FormatInt(userTimeout.Milliseconds(), 10),
		"lock_timeout":            strconv.FormatInt(LockWait.Milliseconds(), 10),
		"idle_session_timeout":    "0",
		synchronousCommit:         "on",
	}
	maps.Copy(session, Limits(statementLimit, "", "0"))
	maps.Copy(session, config.RuntimeParams)
	maps.Copy(session, meanings)
	maps.Copy(session, settings)
	config.RuntimeParams = map[string]string{}
	for _, name := range startupParameters {
		if value, ok := session[name]; ok {
			config.RuntimeParams[name] = value
			delete(session, name)
		}
	}
	config.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error { return set(ctx, conn, session) }
	config.OnPgError = noteReadOnly(config.OnPgError)
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, connectTimeout)
	dialer := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: keepAliveIdle, Interval: keepAliveEvery, Count: keepAliveTries,
		},
		Control: func(network, _ string, conn syscall.RawConn) error {
			if network == "unix" {
				return nil
			}
			return limitUnanswered(conn, userTimeout)
		},
	}
	config.DialFunc = dialer.DialContext
	return config, nil
}

// statementLimit is longer than any request.
const statementLimit = "2min"

// Limits returns settings for [Config] that limit statements, waits for locks, and the idle time in a
// transaction, in the syntax of PostgreSQL; "0" is no limit. Transactions are not limited. If lock
// is empty, [LockWait] applies, or what the URL sets.
func Limits(statement, lock, idle string) map[string]string {
	limits := map[string]string{
		"statement_timeout": statement, "idle_in_transaction_session_timeout": idle, transactionTimeout: "0",
	}
	if lock != "" {
		limits["lock_timeout"] = lock
	}
	return limits
}

const (
	// transactionTimeout is a setting that servers before PostgreSQL 17 do not know.
	transactionTimeout = "transaction_timeout"
	// synchronousCommit has more values than on and off; only off loses commits in a crash.
	synchronousCommit = "synchronous_commit"
)

// meanings are settings that change what statements mean or return, with PostgreSQL's defaults. An
// administrator may have set others for the user or the database, for another program:
//
//   - With another encoding of the client, texts are stored garbled, without an error.
//   - Under REPEATABLE READ or SERIALIZABLE, a transaction that waits for a lock sees the state before
//     the wait, and a row that another session has changed meanwhile is an error.
//   - The others are formats of values that a statement converts to text.
var meanings = map[string]string{
	"client_encoding": "UTF8", "default_transaction_isolation": "read committed",
	"datestyle": "ISO, MDY", "intervalstyle": "postgres", "bytea_output": "hex", "extra_float_digits": "1",
}

// startupParameters are the parameters that poolers know, and those that cannot be set later.
var startupParameters = []string{
	"application_name", "timezone", "client_encoding", "datestyle", "standard_conforming_strings", "options", "replication",
}

// set changes settings of a session, and notes whether it was opened as read-only.
func set(ctx context.Context, conn *pgconn.PgConn, settings map[string]string) error {
	var calls []string
	var args [][]byte
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, []byte(name), []byte(settings[name]))
		call := fmt.Sprintf("set_config($%d, $%d, false)", len(args)-1, len(args))
		switch {
		case name == transactionTimeout:
			call = "case when current_setting('" + name + "', true) is not null then " + call + " end"
		case name == synchronousCommit && settings[name] == "on": // others wait for standbys, or not
			call = "case when current_setting('" + name + "') = 'off' then " + call + " end"
		}
		calls = append(calls, call)
	}
	calls = append(calls, "current_setting('transaction_read_only')") // not affected by the settings before it
	result := conn.ExecParams(ctx, "select "+strings.Join(calls, ", "), args, nil, nil, nil).Read()
	if result.Err == nil && string(result.Rows[0][len(args)/2]) == "on" {
		conn.CustomData()[uselessFrom] = time.Now().Add(readOnlyFor)
	}
	return Wrap("set session settings", result.Err)
}

// checkAddress refuses a URL in which a special character of the password ends the password. What
// follows would be taken for a host, a port or a database, and appear in errors.
func checkAddress(url string) error {
	if !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		return nil
	}
	u, err := neturl.Parse(url)
	if err == nil && u.Fragment == "" && !strings.Contains(u.Path, "@") &&
		(u.User != nil || !strings.Contains(url, "@")) {
		return nil
	}
	return errors.New("parse database URL: the URL is not valid. Percent-encode special characters of the password: " +
		"/ is %2F, ? is %3F, # is %23, @ is %40, % is %25")
}

// withoutURL returns the reason of a parser's error without the URL, which may contain a password.
func withoutURL(err error) error {
	wrong, ok := errors.AsType[*pgconn.ParseConfigError](err)
	if !ok {
		return err
	}
	// The message is the last part of the text, after the URL in backquotes.
	text := wrong.Error()
	return errors.New(text[strings.LastIndex(text, "`: ")+len("`: "):])
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }

// connect opens a connection outside of a pool, with additional session settings.
func connect(ctx context.Context, url string, settings map[string]string) (*pgx.Conn, error) {
	config, err := Parse(url, settings)
	if err != nil {
		return nil, err
	}
	return open(ctx, config)
}

// connectPlain opens a connection without changing settings of the session.
func connectPlain(ctx context.Context, url string) (*pgx.Conn, error) {
	config, err := Parse(url, map[string]string{"application_name": "ledgerboard start"})
	if err != nil {
		return nil, err
	}
	config.AfterConnect = nil
	return open(ctx, config)
}

func open(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("reach database: %w", Explain(err))
	}
	return conn, nil
}
