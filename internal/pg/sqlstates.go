package pg

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// IsDataError reports whether the server refused the values themselves (SQLSTATE class 22, data
// exception, or 23, constraint violation), so that repeating the write cannot help. All other
// errors may be temporary: a lost connection, a lock timeout, a full disk.
func IsDataError(err error) bool {
	code := sqlstate(err)
	return strings.HasPrefix(code, "22") || strings.HasPrefix(code, "23")
}

// sqlstate returns the SQLSTATE of an error of the server; "" for other errors.
func sqlstate(err error) string {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refused.Code
	}
	return ""
}

// Persistent returns the SQLSTATE of an error that may have a cause on the server which a retry does
// not remove; "" for other errors, and while the server is not reachable, starts or stops.
func Persistent(err error) string {
	code := sqlstate(err)
	if strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P") {
		return ""
	}
	return code
}

// IsMissing reports whether the server lacks a table, a schema or a function that a statement
// names.
func IsMissing(err error) bool {
	return slices.Contains([]string{"42P01", "3F000", "42883"}, sqlstate(err))
}

// IsForbidden reports whether the user of the connection lacks a privilege.
func IsForbidden(err error) bool { return sqlstate(err) == "42501" }

// IsLockTimeout reports whether a session gave up waiting for a lock.
func IsLockTimeout(err error) bool { return sqlstate(err) == "55P03" }

// IsCanceled reports whether the server canceled a statement because of a timeout or a request. pgx
// cancels a COPY if a value cannot be encoded; that does not count.
func IsCanceled(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == "57014" && refused.Routine != "CopyGetData"
}

// Remedy says what helps the sender of a request after an error for which a retry is not enough; ""
// for other errors.
func Remedy(err error) string {
	switch {
	case IsCanceled(err):
		return "It took too long: ask for less, or try again later."
	case sqlstate(err) == "53400":
		return "It exceeds a limit of the database: ask for less, or ask an operator to raise the limit. A retry does not help."
	default:
		return ""
	}
}

// NeedsCreate returns the error for a user who may not create schemas, with the command that
// permits it.
func NeedsCreate(config *pgx.ConnConfig) error {
	return fmt.Errorf("the database user may not create schemas. An administrator must run once: "+
		"grant create, temporary on database %s to %s",
		pgx.Identifier{cmp.Or(config.Database, config.User)}.Sanitize(), pgx.Identifier{config.User}.Sanitize())
}

// IsTemporary reports whether the same statement may succeed a moment later: the database is down,
// stopping, overloaded or read-only, or tables are missing, for example because a
// generation was dropped while the process was suspended. All connection errors are temporary,
// including those reported by a server. Otherwise the SQLSTATE decides: classes 08 (connection), 40
// (transaction rolled back), 53 (resources), 58 (system errors) and 57P (the server stops or
// starts), 25006 (read only), 25P03, 25P04 and 55P03 (timeouts of idle transactions, of
// transactions and of locks), 57014 (canceled, for example by a timeout of statements), and
// [IsMissing].
func IsTemporary(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if code := sqlstate(err); len(code) == 5 {
		return IsCanceled(err) || slices.Contains([]string{readOnly, "25P03", "25P04", "55P03"}, code) ||
			slices.Contains([]string{"08", "40", "53", "58"}, code[:2]) || code[:3] == "57P" || IsMissing(err)
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err)
}

// Durably runs a transaction that survives a crash of the server, even on a pool that commits
// asynchronously. Use it for results that are reported to an operator or visible to readers.
func Durably(ctx context.Context, pool interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}, f func(tx pgx.Tx) error,
) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `set local synchronous_commit = on`); err != nil {
			return fmt.Errorf("enable synchronous commit: %w", err)
		}
		return f(tx)
	})
}

// PostTexts selects content, media_url and permalink (text; null: unknown) of one post from its
// rows c of post_contents. Responses and the views in schema lb share it. The main application
// takes precedence over the listing, field by field. The expressions are aggregates, so that a post
// without texts also has a row.
const PostTexts = `coalesce(max(c.content) filter (where c.origin = 'main_app'), max(c.content)) as content,
			       coalesce(max(c.media_url) filter (where c.origin = 'main_app'), max(c.media_url)) as media_url,
			       coalesce(max(c.permalink) filter (where c.origin = 'main_app'), max(c.permalink)) as permalink`

// IsUnencrypted returns why the connection to a database server over the network is not secure, or
// "" if it is secure or the server is on this machine.
func IsUnencrypted(url string) string {
	config, err := Parse(url, nil)
	if err != nil {
		return "" // [CheckURL] reports it
	}
	where, plain, unverified := "", config.TLSConfig == nil, false
	primary := &pgconn.FallbackConfig{Host: config.Host, TLSConfig: config.TLSConfig}
	for _, candidate := range append([]*pgconn.FallbackConfig{primary}, config.Fallbacks...) {
		if onThisMachine(candidate.Host) {
			continue
		}
		where = candidate.Host
		tlsConfig := candidate.TLSConfig
		plain = plain || tlsConfig == nil
		unverified = unverified || tlsConfig != nil && tlsConfig.InsecureSkipVerify && tlsConfig.VerifyPeerCertificate == nil
	}
	const advice = "; set sslmode=verify-full, and sslrootcert for a private authority, in LEDGERBOARD_DATABASE_URL"
	switch {
	case where == "":
		return ""
	case plain:
		return "the connection to the database at " + where +
			" is not encrypted, or not always: traffic, and possibly the password, is readable on the network" + advice
	case unverified:
		return "the certificate of the database at " + where +
			" is not verified: another server on the network can take its place" + advice
	default:
		return ""
	}
}

// onThisMachine reports whether a pgx host (a name, an address or a socket directory) is this
// machine.
func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback() ||
		strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@")
}

// advice says, for the SQLSTATEs with which a server or pooler refuses a connection, what an
// operator does. docs/operators.md has the same list.
var advice = map[string]string{
	"28P01": "check the user and the password in LEDGERBOARD_DATABASE_URL or its password file",
	"28000": "check the user, sslmode and the client certificate in LEDGERBOARD_DATABASE_URL, " +
		"and the server's pg_hba.conf",
	"3D000": "create the database, or check its name in LEDGERBOARD_DATABASE_URL",
	"42501": "an administrator must grant this privilege to the database user",
	"53300": "raise the server's max_connections, or run fewer processes (docs/scaling.md)",
	"57P03": "the server is starting, stopping or recovering: wait, or see its log",
	"57P01": "an administrator ended the session or stops the server",
	readOnly: "the database accepts no changes: LEDGERBOARD_DATABASE_URL leads to a standby, or default_transaction_read_only " +
		"is set, as managed servers do during maintenance or if a disk is full",
	"57014": "a statement was canceled: by statement_timeout in LEDGERBOARD_DATABASE_URL, or by an administrator or a watchdog",
	"55P03": "a lock was not free in time: see lock_timeout, and pg_locks for its holder",
	"25P03": "a session was ended by idle_in_transaction_session_timeout, while this process did not respond",
	"25P04": "a session was ended by transaction_timeout",
	"53100": "the disk of the server is full",
	"53200": "the server has too little memory",
	"53400": "a limit of the server was exceeded, such as temp_file_limit: an administrator must raise it for the database user",
	"55000": "the database accepts no connections (alter database … allow_connections true)",
	"08P01": "this is the answer of a pooler. For a startup parameter, remove it from LEDGERBOARD_DATABASE_URL; " +
		"for a timeout, raise the pooler's pool size",
}

// Advice says what an operator does about an error of the database; "" if that is not known. It
// contains no address, user or password. The answer of a server counts before the problems of other
// attempts: without sslmode, a connection is tried with TLS and without.
func Advice(err error) string {
	var otherName x509.HostnameError
	var invalid x509.CertificateInvalidError
	var stranger x509.UnknownAuthorityError
	switch code := sqlstate(err); {
	case err == nil:
		return ""
	case code != "":
		return advice[code]
	case errors.As(err, &stranger):
		return "check sslrootcert in LEDGERBOARD_DATABASE_URL"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew the server's certificate, and check both clocks"
	case errors.As(err, &otherName):
		return "check the host in LEDGERBOARD_DATABASE_URL"
	case strings.Contains(err.Error(), "server refused TLS connection"): // pgx has no type for it
		return "enable TLS on the server (ssl=on) or check sslmode in LEDGERBOARD_DATABASE_URL"
	default:
		return ""
	}
}

// Explain adds [Advice] to an error of the database.
func Explain(err error) error {
	if what := Advice(err); what != "" {
		return fmt.Errorf("%w: %s", err, what)
	}
	return err
}
