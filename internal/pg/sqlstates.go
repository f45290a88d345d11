package pg

import (
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

// IsMissing reports whether the server lacks a table, a schema or a function that a statement
// names.
func IsMissing(err error) bool {
	return slices.Contains([]string{"42P01", "3F000", "42883"}, sqlstate(err))
}

// IsForbidden reports whether the user of the connection lacks a privilege.
func IsForbidden(err error) bool { return sqlstate(err) == "42501" }

// IsTemporary reports whether the same statement may succeed a moment later: the database is down,
// stopping, overloaded or now a read-only replica, or tables are missing, for example because a
// generation was retired while the process was suspended. All connection errors are temporary,
// including those reported by a server. Otherwise the SQLSTATE decides: classes 08 (connection), 40
// (transaction rolled back), 53 (resources), 58 (system errors) and 57P (the server stops or
// starts), 25006 (read only), 25P03, 25P04 and 55P03 (timeouts of idle transactions, of
// transactions and of locks), and [IsMissing].
func IsTemporary(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if code := sqlstate(err); len(code) == 5 {
		return slices.Contains([]string{"25006", "25P03", "25P04", "55P03"}, code) ||
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
	config, err := pgx.ParseConfig(url)
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

// explainRefusal adds to a connection error which part of the database URL to check. It does not
// change other errors.
func explainRefusal(err error) error {
	const look = "%w: check %s in LEDGERBOARD_DATABASE_URL"
	var otherName x509.HostnameError
	var invalid x509.CertificateInvalidError
	var stranger x509.UnknownAuthorityError
	server, _ := errors.AsType[*pgconn.PgError](err)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &stranger):
		return fmt.Errorf(look, err, "sslrootcert")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%w: renew the server's certificate, and check both clocks", err)
	case errors.As(err, &otherName):
		return fmt.Errorf(look, err, "the host")
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return fmt.Errorf("%w: enable TLS on the server (ssl=on) or check sslmode in LEDGERBOARD_DATABASE_URL", err)
	case server != nil && (server.Code == "28P01" || server.Code == "28000"):
		return fmt.Errorf(look, err, "user, password and sslmode")
	case server != nil && strings.Contains(server.Message, "unsupported startup parameter"): // of a pooler
		return fmt.Errorf("%w (%s)", ErrPooler, server.Message)
	default:
		return err
	}
}
