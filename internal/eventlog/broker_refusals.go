package eventlog

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// lookAt tells which setting a refusal speaks of. Clients wrap what TLS and SASL say, but not all of it is of a type.
func (c Config) lookAt(err error) string {
	var otherName x509.HostnameError
	var invalid x509.CertificateInvalidError
	var stranger x509.UnknownAuthorityError
	var noTLS tls.RecordHeaderError
	text := err.Error()
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kerr.UnsupportedSaslMechanism), strings.Contains(text, "SASL"):
		return "it refuses the credentials: look at LEDGERBOARD_KAFKA_USER, LEDGERBOARD_KAFKA_PASSWORD and LEDGERBOARD_KAFKA_SASL"
	case errors.As(err, &stranger):
		return "its certificate is of an authority that is not trusted: look at LEDGERBOARD_KAFKA_CA"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired or does not hold yet: renew it on the broker, and look at both clocks"
	case errors.As(err, &otherName):
		return "its certificate is of another host: look at LEDGERBOARD_KAFKA_BROKERS"
	case errors.As(err, &noTLS):
		return "it speaks no TLS at this port: look at LEDGERBOARD_KAFKA_BROKERS and LEDGERBOARD_KAFKA_TLS"
	case strings.Contains(text, "remote error: tls"):
		return "it refuses the TLS connection: look at LEDGERBOARD_KAFKA_CERT"
	case c.TLS == nil && strings.Contains(text, "tls"):
		return "it speaks TLS: look at LEDGERBOARD_KAFKA_TLS"
	case errors.Is(err, io.EOF), strings.Contains(text, "EOF"):
		return "it ends the connection at once, as brokers do that ask for TLS or refuse credentials: look at LEDGERBOARD_KAFKA_TLS, " +
			"LEDGERBOARD_KAFKA_USER, LEDGERBOARD_KAFKA_PASSWORD and LEDGERBOARD_KAFKA_SASL"
	default:
		return "is it running, and are address, TLS and SASL right?"
	}
}

// inTheOpen are the brokers that this machine reaches over a network, when nothing encrypts what is said to them.
func (c Config) inTheOpen() []string {
	if c.TLS != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Brokers), func(broker string) bool {
		host, _, err := net.SplitHostPort(broker)
		ip := net.ParseIP(host)
		return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
	})
}
