package pg

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// IsUnencrypted returns why the connection to a database server over the network is not secure, or
// "" if it is secure or the server is on this machine.
func IsUnencrypted(url string) string {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return "" // [CheckURL] reports it
	}
	where, plain, unverified := "", config.TLSConfig == nil, false
	for _, candidate := range append([]*pgconn.FallbackConfig{{Host: config.Host, TLSConfig: config.TLSConfig}}, config.Fallbacks...) {
		if onThisMachine(candidate.Host) {
			continue
		}
		where = candidate.Host
		plain = plain || candidate.TLSConfig == nil
		unverified = unverified || candidate.TLSConfig != nil && candidate.TLSConfig.InsecureSkipVerify && candidate.TLSConfig.VerifyPeerCertificate == nil
	}
	const advice = "; set sslmode=verify-full, and sslrootcert for a private authority, in LEDGERBOARD_DATABASE_URL"
	switch {
	case where == "":
		return ""
	case plain:
		return "the connection to the database at " + where + " is not encrypted, or not always: traffic, and possibly the password, is readable on the network" + advice
	case unverified:
		return "the certificate of the database at " + where + " is not verified: another server on the network can take its place" + advice
	default:
		return ""
	}
}

// onThisMachine reports whether a pgx host (a name, an address or a socket directory) is this
// machine.
func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback() || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@")
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
	default:
		return refusedParameter(err)
	}
}
