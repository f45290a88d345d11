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

// InTheOpen says what is not safe about how a server is reached over a network; "" where all is, and where the server is on this machine.
func InTheOpen(url string) string {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return "" // [CheckURL] says so
	}
	where, plain, stranger := "", config.TLSConfig == nil, false
	for _, at := range append([]*pgconn.FallbackConfig{{Host: config.Host, TLSConfig: config.TLSConfig}}, config.Fallbacks...) {
		if onThisMachine(at.Host) {
			continue
		}
		where = at.Host
		plain = plain || at.TLSConfig == nil
		stranger = stranger || at.TLSConfig != nil && at.TLSConfig.InsecureSkipVerify && at.TLSConfig.VerifyPeerCertificate == nil
	}
	const mend = "; say sslmode=verify-full, and sslrootcert where its authority is your own, in LEDGERBOARD_DATABASE_URL"
	switch {
	case where == "":
		return ""
	case plain:
		return "the database at " + where + " may be spoken to without TLS: whoever is on the way reads it, the password maybe too" + mend
	case stranger:
		return "the database at " + where + " need not prove who it is: whoever is on the way can take its place" + mend
	default:
		return ""
	}
}

// onThisMachine tells of a host of pgx's: a name, an address, or the directory of a socket.
func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback() || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@")
}

// refused says of an error of a connection which part of the database URL to look at; any other error stays as it is.
func refused(err error) error {
	const look = "%w: look at %s in LEDGERBOARD_DATABASE_URL"
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
		return fmt.Errorf("%w: renew the server's certificate, and look at both clocks", err)
	case errors.As(err, &otherName):
		return fmt.Errorf(look, err, "the host")
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return fmt.Errorf("%w: it has no TLS, switch that on (ssl=on) or look at sslmode in LEDGERBOARD_DATABASE_URL", err)
	case server != nil && (server.Code == "28P01" || server.Code == "28000"):
		return fmt.Errorf(look, err, "user, password and sslmode")
	default:
		return refusedParameter(err)
	}
}
